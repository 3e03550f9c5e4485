"""The one error that a user sees: what is wrong, where, and what to do; exit code 2."""

from kamerton.formats.language import foreign, say


class InputError(Exception):
    """Something the user gave cannot be used.

    `key` names a text of the message catalogues; `where` is a file, `file:line` or a field; the
    value `why` may be what a library says.
    """

    def __init__(self, key: str, /, where: str = "", **values: object) -> None:
        """Keep the key and its values, so that the text can be said in either language."""
        self.key, self.where, self.values = key, where, values
        super().__init__(key)

    def __str__(self) -> str:
        """The whole text in the language in force."""
        why = {"why": foreign(str(self.values["why"]))} if "why" in self.values else {}
        text = say(self.key, **self.values | why)
        return f"{self.where}: {text}" if self.where else text

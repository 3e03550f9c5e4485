"""Where in a table personal data lies: what each column holds, to be looked at before a run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kamerton.privacy import Personal
from kamerton.privacy.personal import find

EXAMPLES = 3


@dataclass(frozen=True)
class ColumnFindings:
    """One kind of personal data in one column."""

    column: str
    kind: Personal
    count: int
    examples: tuple[str, ...]
    """The first different ones, as they are written."""


class Columns:
    """Counts personal data row by row; names are left to the run: a language model finds them."""

    def __init__(self, kinds: Sequence[Personal]) -> None:
        """`kinds` are what is looked for."""
        self._kinds = [kind for kind in kinds if kind != "name"]
        self._counts: Counter[tuple[str, Personal]] = Counter()
        self._examples: dict[tuple[str, Personal], list[str]] = {}

    def add(self, row: Mapping[str, object], used: str | None = None) -> None:
        """One row as it was read; `used` is its text that is kept, None: all of it."""
        if not self._kinds:
            return
        for column, value in row.items():
            for text in _texts(value):
                for one in find(text, self._kinds) if used is None or text.strip() in used else ():
                    place = column, one.kind
                    self._counts[place] += 1
                    examples = self._examples.setdefault(place, [])
                    written = text[one.start : one.end]
                    if len(examples) < EXAMPLES and written not in examples:
                        examples.append(written)

    def findings(self) -> list[ColumnFindings]:
        """All that was found, columns in the order of the rows."""
        return [
            ColumnFindings(*place, count, tuple(self._examples[place]))
            for place, count in self._counts.items()
        ]


def _texts(value: object) -> Iterator[str]:
    """The texts of a cell, which may hold lists and messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in _texts(inner))

"""Text out of tokens as they come: no character in halves, and nothing from a stop text on."""

from collections.abc import Callable, Sequence

_HALF = "\ufffd"
"""What a decoder writes for bytes that are no whole character yet."""


class Detokenizer:
    """The text of one answer, given out piece by piece.

    The whole answer is decoded at each step, since one token's text depends on those before it;
    for answers of some hundred tokens this is nothing beside computing them.
    """

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str] = ()) -> None:
        """`decode` turns token ids to text; the first of `stops` in it ends the answer."""
        self._decode, self._stops = decode, [stop for stop in stops if stop]
        self._ids: list[int] = []
        self._given = 0
        self.stopped = False

    def add(self, token: int) -> str:
        """What the token makes certain; empty while a character or a stop text is in between."""
        self._ids.append(token)
        text = self._decode(self._ids)
        places = [at for at in (text.find(stop, self._given) for stop in self._stops) if at >= 0]
        if places:
            self.stopped = True
            return self._give(text, min(places))
        whole = text.rstrip(_HALF)
        return self._give(text, len(whole) - self._begun(whole[self._given :]))

    def rest(self) -> str:
        """What was held back, when the answer ends; half a character is left out."""
        if self.stopped:
            return ""
        text = self._decode(self._ids)
        return self._give(text, len(text.rstrip(_HALF)))

    def _give(self, text: str, end: int) -> str:
        piece = text[self._given : end]
        self._given = max(end, self._given)
        return piece

    def _begun(self, text: str) -> int:
        """Characters at the end of `text` that may be the beginning of a stop text."""
        sizes = range(min(len(text), max(map(len, self._stops), default=0)), 0, -1)
        return next((n for n in sizes if any(s.startswith(text[-n:]) for s in self._stops)), 0)

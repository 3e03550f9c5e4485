"""Marks of punctuation: repeated ones, dashes, quotes."""

import re
from collections.abc import Iterator

from kamerton.develop.data.clean.edits import Edit

_REPEATED = re.compile(r"([!?])\1{3,}|\.{4,}|(?:\. ?){4,}|,{2,}|;{2,}|:{2,}")
_DIALOGUE = re.compile(r"(?m)^(--?|–|—|•)(?=[ \u00a0]?\S)")
_INNER = re.compile(r"(?<= )(--?|–)(?= )|(?<=[,.!?…»\"]) ?--(?= )")
_QUOTED = re.compile(r"(?<![\w\"])\"(?=\S)([^\"\n]*?\S)\"(?!\w)")
_RULER = re.compile(r"(?m)^[ \t]*([-_*=~.]{5,})[ \t]*$")


def repeated(text: str) -> Iterator[Edit]:
    """`!!!!!` to `!!!`, `.....` to `...`, `,,` to `,`; lines drawn of marks go."""
    found = [*_REPEATED.finditer(text), *_RULER.finditer(text)]
    last = 0
    for match in sorted(found, key=lambda m: (m.start(), -m.end())):
        if match.start() < last:
            continue
        last = match.end()
        ruler = match.re is _RULER
        new = "" if ruler else match[0][0] * (3 if match[0][0] in "!?." else 1)
        yield Edit(match.start(), match.end(), new)


def dashes(text: str) -> Iterator[Edit]:
    """Hyphens, double hyphens and bullets that stand for a dash: one long dash."""
    found = {m.start(): m for m in (*_INNER.finditer(text), *_DIALOGUE.finditer(text))}
    for _, match in sorted(found.items()):
        if match[0].strip() == "-" and not _speaks(text, match):
            continue
        new = " —" if match[0].startswith(" ") else "—"
        if new != match[0]:
            yield Edit(match.start(), match.end(), new)


def _speaks(text: str, match: "re.Match[str]") -> bool:
    """A single hyphen at a line's begin is a dash only before a space: else it may be a minus."""
    return text[match.end() : match.end() + 1] in (" ", "\u00a0")


def quotes(text: str) -> Iterator[Edit]:
    """Straight quotation marks in pairs within a line: « and »."""
    for found in _QUOTED.finditer(text):
        if re.search("[а-яё]", found[1], re.I):
            yield Edit(found.start(), found.start() + 1, "«")
            yield Edit(found.end() - 1, found.end(), "»")

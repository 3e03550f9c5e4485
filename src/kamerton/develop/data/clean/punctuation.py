"""Marks of punctuation: repeated ones, dashes, quotes."""

import re
from collections.abc import Iterator

from kamerton.develop.data.clean.edits import Edit, edited

# Not ",,слово": that is a quotation mark of old typewriters.
_REPEATED = re.compile(r"([!?])\1{3,}|\.(?: ?\.){3,}|,{2,}(?![^\W\d_])|;{2,}|:{2,}")
_DIALOGUE = re.compile(r"(?m)^(-{1,3}(?!-)|–|—|•)(?=[ \u00a0]?\S)")
_INNER = re.compile(r"(?<= )(-{1,3}|–)(?= )|(?<=[,.!?…»\"]) ?-{2,3}(?= )")
_NUMBER = re.compile(r"[ \u00a0]?\d")
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
        mark = match[0].strip()
        if mark in ("-", "–") and (_glued(text, match) or _minus(text, match)):
            continue
        new = " —" if match[0].startswith(" ") else "—"
        if new != match[0]:
            yield Edit(match.start(), match.end(), new)


def _glued(text: str, match: "re.Match[str]") -> bool:
    """A single hyphen is a dash only before a space, a short dash not before a figure."""
    after = text[match.end() : match.end() + 1]
    return after.isdigit() if match[0] == "–" else after not in (" ", "\u00a0")


def _minus(text: str, match: "re.Match[str]") -> bool:
    """Between figures it is a minus, or the hyphen of "1905 - 1907"."""
    before = text[max(0, match.start() - 2) : match.start()].rstrip(" \u00a0")[-1:]
    return before.isdigit() and bool(_NUMBER.match(text, match.end()))


def quotes(text: str) -> Iterator[Edit]:
    """Straight quotation marks in pairs within a line: « and », the inner pair first."""
    left, found = text, dict[int, str]()
    while '"' in left and (inner := list(filter(_russian, _QUOTED.finditer(left)))):
        new = {m.start(): "«" for m in inner} | {m.end() - 1: "»" for m in inner}
        left = edited(left, [Edit(at, at + 1, mark) for at, mark in sorted(new.items())])
        found |= new
    yield from (Edit(at, at + 1, mark) for at, mark in sorted(found.items()))


def _russian(quoted: "re.Match[str]") -> bool:
    return re.search("[а-яё]", quoted[1], re.I) is not None

"""How a text lies on its lines: wrapped lines, page marks, spaces; and dashes, dots, quotes."""

import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import quantiles

from kamerton.develop.data.clean.edits import Edit, edited

# Not before a closing bracket: what is left of "[1[2]]" would be a mark itself.
_MARK = re.compile(r"([ \t]*)(?:\{\d{1,4}\}|\[\d{1,3}\])(?!\d*[\]}])([ \t]*)(\n?)")
_RETURN = re.compile("\r\n?|[\x0b\x0c\u2028\u2029]")
_SPACES = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_LINE = re.compile(r"[^\n]+")
_LETTER = re.compile(r"[^\W\d_]")
_NEXT = re.compile(r"\S[^\S\n]*\n[^\S\n]*(?=(\S))")
_SMALL = "а-яёѣіѳѵa-z"
_PARTED = re.compile(rf"([{_SMALL}]+)-$")
_COMPOUND = re.compile(
    r"\w+-(?:либо|нибудь|таки)|(?:[кч][а-я]{1,2}|как\w*|где|куда|когда|откуда|почему|зачем)-то"
    r"|кое-\w+|из-(?:за|под)|по-\w+(?:ки|му)|во?-\w+[иы]х"
)
"""Words with a hyphen of their own, wherever a line ends: "кто-нибудь", "по-русски"."""
_ITEM = re.compile(r"(?:[-–—•*]{1,3}|\d{1,3}[.)])\s*(\S)")
_WIDEST = 90
_NARROWEST = 50
_FEWEST = 8
"""Lines of a text from which its width can be told."""
_RAGGED = 16
"""A line that is this much shorter than the others is not full: nothing was wrapped after it."""
_GOES_ON = 0.3
"""Fewest lines of a wrapped text that go on with a small letter; wrapped novels have 0.5 and more,
verse, lists and texts of one paragraph a line next to none."""


def line_ends(text: str) -> Iterator[Edit]:
    """Line ends of Windows and old Macs, page breaks, and Unicode's own line ends."""
    for match in _RETURN.finditer(text):
        yield Edit(match.start(), match.end(), "\n")


def page_marks(text: str) -> Iterator[Edit]:
    """Page numbers in braces and the marks of footnotes in brackets: `{457}`, `[12]`.

    A line that holds nothing else goes whole, so that no paragraph ends there.
    """
    for match in _MARK.finditer(text):
        start, end = match.start(), match.start(2)
        if start == 0 or text[start - 1] == "\n":
            # The indentation stays: it tells where a paragraph begins.
            start, end = (start, match.end()) if match[3] else (match.end(1), match.end(2))
        yield Edit(start, end, "")


def unwrap(text: str) -> Iterator[Edit]:
    """Line breaks inside the paragraphs of a text that was wrapped at a fixed width.

    A line goes on into the next one where it is full, and the next one is neither empty nor
    indented more than the text's ordinary lines, nor the next item of a list or a dialogue.
    """
    width = wrap_width(text)
    if not width:
        return
    lines = list(_LINE.finditer(text))
    indents = [len(of[0]) - len(of[0].lstrip()) for of in lines if of[0].strip()]
    # The indentation of ordinary lines: the commonest one.
    margin = max(set(indents), key=lambda n: (indents.count(n), -n)) if indents else 0
    items = _items_at_margin(lines, margin)
    for line, after in pairwise(lines):
        full, rest = line[0].rstrip(), after[0].lstrip()
        if len(full) < width - _RAGGED or not _LETTER.search(rest):
            continue
        if _are_apart(line, after, margin) or (items and _new_item(full, rest)):
            continue
        joint, hyphen = _joint(full, rest)
        yield Edit(line.start() + len(full) - hyphen, after.end() - len(rest), joint)


def wrap_width(text: str) -> int:
    """The width at which a text was wrapped, in characters; 0 where it was not."""
    lengths = [len(line.rstrip()) for line in text.split("\n") if line.strip()]
    if len(lengths) < _FEWEST:
        return 0
    tenths = quantiles(lengths, n=10)
    wide, middle = tenths[8], tenths[4]
    if wide > _WIDEST or middle < _NARROWEST or middle <= 0.7 * wide:
        return 0
    firsts = [match[1] for match in _NEXT.finditer(text)]
    goes_on = sum(map(str.islower, firsts)) > _GOES_ON * len(firsts)
    return round(wide) if goes_on else 0


def _are_apart(line: "re.Match[str]", after: "re.Match[str]", margin: int) -> bool:
    """Whether an empty line or an indentation parts two lines."""
    indent = len(after[0]) - len(after[0].lstrip())
    return not line[0].strip() or after.start() - line.end() > 1 or indent > margin


def _items_at_margin(lines: "list[re.Match[str]]", margin: int) -> bool:
    """Whether speeches and items of lists begin where any line does.

    Where they are set apart, a dash at the margin is one inside a speech.
    """
    set_apart = [
        _are_apart(line, after, margin)
        for line, after in pairwise(lines)
        if _ITEM.match(after[0].lstrip())
    ]
    return 2 * sum(set_apart) < len(set_apart)


def _new_item(line: str, after: str) -> bool:
    """Whether a full line's sentence ends, and a dash, bullet or number begins the next line."""
    item = _ITEM.match(after)
    if not item:
        return False
    return line[-1] in ":;" or (line[-1] in '.!?…»")' and not item[1].islower())


def _joint(line: str, after: str) -> tuple[str, int]:
    """What stands between two joined lines, and how many characters of the first one's end go.

    A hyphen goes where it parts a word, and stays where the word has one of its own.
    """
    parted, rest = _PARTED.search(line), re.match(f"[{_SMALL}]+", after)
    if not parted or not rest:
        return " ", 0
    return "", 0 if _COMPOUND.fullmatch(f"{parted[0]}{rest[0]}") else 1


def spaces(text: str) -> Iterator[Edit]:
    """Runs of spaces of any kind to one; none at the beginning and the end of a line."""
    for match in _SPACES.finditer(text):
        first = match.start() == 0 or text[match.start() - 1] == "\n"
        last = match.end() == len(text) or text[match.end()] == "\n"
        new = "" if first or last else " "
        if match[0] != new:
            yield Edit(match.start(), match.end(), new)


# Not ",,слово": that is a quotation mark of old typewriters.
_REPEATED = re.compile(r"([!?])\1{3,}|\.(?: ?\.){3,}|,{2,}(?![^\W\d_])|;{2,}|:{2,}")
_DIALOGUE = re.compile(r"(?m)^(-{1,3}(?!-)|–|—|•)(?=[ \u00a0]?\S)")
_INNER = re.compile(r"(?<= )(-{1,3}|–)(?= )|(?<=[,.!?…»\"]) ?-{2,3}(?= )")
_NUMBER = re.compile(r"[ \u00a0]?\d")
_QUOTED = re.compile(r"(?<![\w\"])\"(?=\S)([^\"\n]*?\S)\"(?!\w)")
_RULER = re.compile(r"(?m)^[ \t]*([-_*=~.]{5,})[ \t]*$")


def repeated(text: str) -> Iterator[Edit]:
    """`!!!!!` to `!!!`, `.....` to `...`, `,,` to `,`; lines drawn of marks go."""
    matches = [*_REPEATED.finditer(text), *_RULER.finditer(text)]
    last = 0
    for match in sorted(matches, key=lambda m: (m.start(), -m.end())):
        if match.start() < last:
            continue
        last = match.end()
        ruler = match.re is _RULER
        new = "" if ruler else match[0][0] * (3 if match[0][0] in "!?." else 1)
        yield Edit(match.start(), match.end(), new)


def dashes(text: str) -> Iterator[Edit]:
    """Hyphens, double hyphens and bullets that stand for a dash: one long dash."""
    by_start = {m.start(): m for m in (*_INNER.finditer(text), *_DIALOGUE.finditer(text))}
    for _, match in sorted(by_start.items()):
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
    left, marks = text, dict[int, str]()
    while '"' in left and (inner := list(filter(_russian, _QUOTED.finditer(left)))):
        new = {m.start(): "«" for m in inner} | {m.end() - 1: "»" for m in inner}
        left = edited(left, [Edit(at, at + 1, mark) for at, mark in sorted(new.items())])
        marks |= new
    yield from (Edit(at, at + 1, mark) for at, mark in sorted(marks.items()))


def _russian(quoted: "re.Match[str]") -> bool:
    return re.search("[а-яё]", quoted[1], re.I) is not None

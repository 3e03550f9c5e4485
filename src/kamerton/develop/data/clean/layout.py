"""How a text lies on its lines: wrapped lines, page marks, spaces."""

import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import quantiles

from kamerton.develop.data.clean.edits import Edit

_PAGE = re.compile(r"[ \t]*\{\d{1,4}\}")
_NOTE = re.compile(r"[ \t]*\[\d{1,3}\]")
_RETURN = re.compile("\r\n?")
_SPACES = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
_LINE = re.compile(r"[^\n]+")
_WIDEST = 90
_NARROWEST = 50
_RAGGED = 16
"""A line that is this much shorter than the others is not full: nothing was wrapped after it."""


def line_ends(text: str) -> Iterator[Edit]:
    """Windows and old Mac line ends."""
    for found in _RETURN.finditer(text):
        yield Edit(found.start(), found.end(), "\n")


def page_marks(text: str) -> Iterator[Edit]:
    """Page numbers in braces and the marks of footnotes in brackets: `{457}`, `[12]`."""
    found = sorted([*_PAGE.finditer(text), *_NOTE.finditer(text)], key=lambda m: m.start())
    for match in found:
        yield Edit(match.start(), match.end(), "")


def unwrap(text: str) -> Iterator[Edit]:
    """Line breaks inside the paragraphs of a text that was wrapped at a fixed width.

    A line goes on into the next one where it is full, and the next one is neither empty nor
    indented more than the text's ordinary lines.
    """
    width = wrap_width(text)
    if not width:
        return
    lines = list(_LINE.finditer(text))
    margin = _margin([match[0] for match in lines])
    for line, after in pairwise(lines):
        apart = text[line.end() : after.start()] != "\n"
        indent = len(after[0]) - len(after[0].lstrip())
        if apart or indent > margin or not after[0].strip() or not _full(line[0], width):
            continue
        end = after.start() + indent
        hyphen = _hyphenated(line[0], after[0].strip())
        start = line.end() - (len(line[0]) - len(line[0].rstrip())) - hyphen
        yield Edit(start, end, "" if hyphen else " ")


def wrap_width(text: str) -> int:
    """The width at which a text was wrapped, in characters; 0 where it was not."""
    lengths = [len(line.rstrip()) for line in text.split("\n") if line.strip()]
    if len(lengths) < 20:
        return 0
    tenths = quantiles(lengths, n=10)
    wide = tenths[8]
    return (
        round(wide) if wide <= _WIDEST and tenths[4] >= _NARROWEST and tenths[4] > 0.7 * wide else 0
    )


def _full(line: str, width: int) -> bool:
    return len(line.rstrip()) >= width - _RAGGED


def _margin(lines: list[str]) -> int:
    """The indentation of ordinary lines: the commonest one."""
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    return max(set(indents), key=lambda n: (indents.count(n), -n)) if indents else 0


def _hyphenated(line: str, after: str) -> int:
    """1 where a word was parted at the line's end, so that its hyphen goes too."""
    parted = re.search(r"[а-яёa-z]-$", line.rstrip()) and re.match("[а-яёa-z]", after)
    return 1 if parted else 0


def spaces(text: str) -> Iterator[Edit]:
    """Runs of spaces of any kind to one; none at the beginning and the end of a line."""
    for found in _SPACES.finditer(text):
        first = found.start() == 0 or text[found.start() - 1] == "\n"
        last = found.end() == len(text) or text[found.end()] == "\n"
        new = "" if first or last else " "
        if found[0] != new:
            yield Edit(found.start(), found.end(), new)

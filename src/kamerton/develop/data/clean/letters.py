"""Letters that are not what they look like: damaged encodings, look-alikes, hidden characters."""

import re
from collections.abc import Iterator

from kamerton.develop.data.clean.edits import Edit

LATIN = "aceopxyABCEHKMOPTXYk"
CYRILLIC = "асеорхуАВСЕНКМОРТХУк"
_ALIKE = str.maketrans(LATIN, CYRILLIC)
_WORD = re.compile(r"[^\W\d_]+")
_SEAM = re.compile("[а-яёѣіѳѵА-ЯЁѢІѲѴ][A-Za-z]|[A-Za-z][а-яёѣіѳѵА-ЯЁѢІѲѴ]")
_ROMAN = re.compile("[IVXLCDM]+")
_TO_ROMAN = str.maketrans("ХСМІ", "XCMI")
_ALONE = re.compile(r"(?<=[а-яё,] )[acoyk](?= [а-яё])")
_BOX = re.compile("(?<=[а-яёѣѳѵА-ЯЁѢѲѴ])╕|╕(?=[а-яёѣѳѵА-ЯЁ])")
_HASH = re.compile(r"(?<=[а-яёА-ЯЁѣ])#(?=[а-яёА-ЯЁ])")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
# What UTF-8 read as cp1251 looks like: pairs that begin with Р or С and a sign no Russian word has.
_DAMAGED = re.compile(
    "(?:[РС][\u00a0-\u00bf\u0402-\u040f\u0452-\u045f\u2018-\u203a\u20ac\u2116\u2122]){2,}"
)


def encoding(text: str) -> Iterator[Edit]:
    """Lines whose UTF-8 was once read as another charset, put right by ftfy."""
    if not _DAMAGED.search(text):
        return
    from ftfy import fix_encoding

    for line in re.finditer(r"[^\n]+", text):
        if (
            _DAMAGED.search(line[0])
            and (fixed := _recoded(line[0]) or fix_encoding(line[0])) != line[0]
        ):
            yield Edit(line.start(), line.end(), fixed)


def _recoded(line: str) -> str | None:
    """The commonest case, which ftfy does not know: UTF-8 bytes read as cp1251."""
    try:
        return line.encode("cp1251").decode("utf-8")
    except UnicodeError:
        return None


def hidden(text: str) -> Iterator[Edit]:
    """Soft hyphens, zero-width and control characters go."""
    for found in _HIDDEN.finditer(text):
        yield Edit(found.start(), found.end(), "")


def box_letter(text: str) -> Iterator[Edit]:
    """`╕` in a Russian word is і of a lost codepage, today's и."""
    for found in _BOX.finditer(text):
        yield Edit(found.start(), found.end(), "и")


def hash_hyphen(text: str) -> Iterator[Edit]:
    """`#` between Russian letters is a hyphen: "Из#за"."""
    for found in _HASH.finditer(text):
        yield Edit(found.start(), found.end(), "-")


def look_alikes(text: str) -> Iterator[Edit]:
    """Latin letters that look Russian, inside a Russian word or alone between Russian words.

    A word with any Latin letter that looks like no Russian one stays as it is; a Roman numeral with
    a Russian letter in it becomes wholly Latin.
    """
    for start, end in sorted({*_mixed(text), *(m.span() for m in _ALONE.finditer(text))}):
        word = text[start:end]
        roman, fixed = word.translate(_TO_ROMAN), word.translate(_ALIKE)
        if _ROMAN.fullmatch(roman):
            yield Edit(start, end, roman)
        elif not re.search("[A-Za-z]", fixed):
            yield Edit(start, end, fixed)


def _mixed(text: str) -> Iterator[tuple[int, int]]:
    """Words of two alphabets: few, so they are looked for by the seam inside them."""
    for seam in _SEAM.finditer(text):
        start = seam.start()
        while start and text[start - 1].isalpha():
            start -= 1
        word = _WORD.match(text, start)
        assert word is not None
        yield word.span()

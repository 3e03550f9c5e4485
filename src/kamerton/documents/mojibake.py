"""Mojibake: text whose bytes were once read in another charset, brought back where nothing is lost.

UTF-8 read as any charset of `VIEWS` is told by its sequences of bytes, which no text has by chance;
one Russian charset read as another, or as Latin-1, by how much more Russian it looks afterwards
(`documents.charset.russian_score`). What ftfy repairs of other languages, it repairs.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache, partial

from kamerton.documents.charset import ALIKE, russian_score

VIEWS = ("sloppy-windows-1251", "koi8-r", "latin-1", "sloppy-windows-1252", "cp866", "mac-cyrillic")
"""Charsets that texts are read in by mistake; the sloppy ones, of ftfy, know all 256 bytes."""
Way = tuple[str, str]
"""The charset that a text was read in, and its own."""
WAYS: list[Way] = [(view, "utf-8") for view in VIEWS]
WAYS += [(view, own) for view in VIEWS[:-1] for own in ("cp1251", "koi8-r", "cp866")]
"""Mistakes that are looked for. mac-cyrillic has the small letters of cp1251: they tell nothing."""
_SIGNS = "\x80-\xbf\u0401-\u040f\u0451-\u045f\u0490\u0491\u2018-\u203a\u20ac\u2116\u2122"
_FRAMES = "\u2219\u221a\u2248\u2264\u2265\u2320\u2321\u2500-\u25a0"
_SUSPECT = re.compile(
    f"[{_SIGNS}{_FRAMES}À-ÿА-Я](?:"
    f"(?<=[РСпяÐÑ][{_SIGNS}{_FRAMES}])(?=[РСпяÐÑ])|(?<=вЂ)|(?<=Б─)|(?<=â€)|(?<=Ã[\x80-\xbf])"
    "|(?<=[╨╤])|(?<=[А-яЁё][\u2500-\u257f])|(?<=[À-ÿ]{3})|(?<=[а-я][А-Я]{2})"
    "|(?<=[¤¦¨©¬®\u0401-\u040f\u0451-\u045f]{2}))"
)
"""What each kind looks like; it begins with signs and capitals, few in Russian texts."""
_BYTES = re.compile("[\x00-\xff]+")
_BETTER = 1.0
"""By so much for each character a line looks more Russian where a charset was mistaken."""
_PROSE = -4.0
"""Score of Russian prose at least: one Russian charset in another has no other mark."""
_CYRILLIC = re.compile("[\u0400-\u052f]")
_USUAL = re.compile(
    "[\x00-\x7f\u00a0-\u024f\u0400-\u052f\u2000-\u206f\u20a0-\u20bf\u2116\u2122\u2190-\u21ff\u2600-\u27bf\ufe0f"
    "\ufeff\U0001f000-\U0001faff]*"
)
"""What UTF-8 is believed to hold: letters that few texts have come of other charsets by chance."""
_WORDS = re.compile("[а-яё]{2,}", re.IGNORECASE)
_MOST = 3
"""Times that a text may have been damaged."""


def repaired(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and right text of lines that were read in another charset.

    Once one line tells which charset it was, all lines of the text are tried with it.
    """
    if not _SUSPECT.search(text):
        return
    import ftfy.bad_codecs  # noqa: F401  (knows the sloppy charsets)

    lines = list(re.finditer(r"[^\n]+", text))
    decoded = {}
    ways: dict[Way, None] = {}
    for line in lines:
        if _SUSPECT.search(line[0]):
            fixed, way = _best(
                line[0], ways, known=True
            )  # most lines of a text were read in one charset
            if fixed == line[0] or _SUSPECT.search(fixed):
                fixed, way = _decoded(line[0])
            decoded[line.start()] = fixed
            ways |= dict.fromkeys(way)
    for line in lines:
        fixed = decoded.get(line.start(), line[0])
        if fixed == line[0] and ways and not fixed.isascii():
            fixed = _best(fixed, ways, known=True)[0]
        if fixed != line[0]:
            yield line.start(), line.end(), fixed


def _decoded(line: str) -> tuple[str, list[Way]]:
    """A line brought back as often as it was damaged, and the mistakes of charsets in it."""
    from ftfy import fix_encoding

    ways = []
    for _ in range(_MOST):
        whole = (_recoded(line, view, "utf-8") for view in VIEWS)
        # Bytes of two characters and more that are UTF-8 by chance: there are none.
        fixed = next((of for of in whole if len(line) - len(of) > 1), "")
        if not fixed:
            fixed, way = _best(line, WAYS)
            ways += way
        if fixed == line and not _CYRILLIC.search(line):
            fixed = fix_encoding(line)
        if fixed == line or not _SUSPECT.search(fixed):
            return fixed, ways
        line = fixed
    return line, ways


@cache
def _sequences(view: str) -> re.Pattern[str]:
    """Runs of UTF-8 characters outside ASCII as they look in `view`."""

    def letters(first: int, last: int) -> str:
        return f"[{re.escape(bytes(range(first, last + 1)).decode(view, 'ignore'))}]"

    rest = letters(0x80, 0xBF)
    two, three, four = letters(0xC2, 0xDF), letters(0xE0, 0xEF), letters(0xF0, 0xF4)
    return re.compile(f"(?:{two}{rest}|{three}{rest}{{2}}|{four}{rest}{{3}})+")


def _best(line: str, ways: Iterable[Way], known: bool = False) -> tuple[str, list[Way]]:
    """The line by the way that makes it look most Russian; itself where none does.

    A way that is not known of other lines needs two words to be believed.
    """
    score = russian_score(line)
    best, by, least = line, list[Way](), ALIKE
    for view, own in ways:
        fixed = _recoded(line, view, own)
        if fixed == line and (own == "utf-8" or view == "latin-1"):
            parts = _sequences(view) if own == "utf-8" else _BYTES
            fixed = parts.sub(partial(_part, view, own), line)
        if fixed == line or (new := russian_score(fixed)) <= least:
            continue
        if not known and own != "utf-8" and (new <= _PROSE or len(_WORDS.findall(fixed)) < 2):
            continue
        if new > (score if own == "utf-8" else score + _BETTER):
            best, by, least = fixed, [(view, own)], new
    return best, by


def _part(view: str, own: str, part: "re.Match[str]") -> str:
    return _recoded(part[0], view, own)


def _recoded(text: str, view: str, own: str) -> str:
    """The text read in its own charset; as it is where that cannot be."""
    try:
        read = text.encode(view).decode(own)
    except UnicodeError:
        return text
    return read if own != "utf-8" or _USUAL.fullmatch(read) else text

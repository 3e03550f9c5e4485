"""Letters and spelling: damaged encodings, look-alikes, hidden characters, the old orthography.

Russian spelling before 1918 becomes today's. Letters are safe to convert anywhere; endings only in
a text that is in the old spelling, since modern words may look alike. Rules after the decree of 10
October 1918. Names with an old ending ("Живаго") and endings that only the sense tells apart are
beyond rules for single words.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from kamerton.develop.data.clean.edits import Edit, edited

LATIN = "aceopxyABCEHKMOPTXYk"
CYRILLIC = "асеорхуАВСЕНКМОРТХУк"
_ALIKE = str.maketrans(LATIN, CYRILLIC)
_ANY_WORD = re.compile(r"[^\W\d_]+")
_OWN = "а-яёѣіѳѵА-ЯЁѢІѲѴ"
_SEAM = re.compile(f"[{_OWN}][A-Za-z]|[A-Za-z][{_OWN}]")
_ROMAN = re.compile("[IVXLCDM]+")
_TO_ROMAN = str.maketrans("ХСМІ", "XCMI")
_RUSSIAN_ROMAN = re.compile(r"(?<!\w)[ХСМ]*І[ХСМІ]*(?!\w)")
"""A numeral typed with the old letter І, which no word has alone: "Николай І", "ХІІ"."""
_LATIN_I = re.compile("i|^I(?=[аеоуюи][а-яёѣіѳѵ]{2})")
_ALONE = re.compile("(?<=[а-яёѣіѳѵ,] )[acoyk](?= [а-яёѣіѳѵ])")
_BOX = re.compile(f"(?<=[{_OWN}{LATIN}iI])╕+|╕+(?=[{_OWN}{LATIN}iI])")
_HASH = re.compile(f"(?<=[{_OWN}])#(?=[{_OWN}])")
_SOFT = "\u00ad"
_INVISIBLE = "\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_HIDDEN = re.compile(rf"([{_INVISIBLE}]+)([ \t]*\n[ \t]*(?=[^\W\d_]))?")
# What UTF-8 read as cp1251 looks like: pairs that begin with Р or С and a sign no Russian word has,
# or, of a dash, quotation marks and what was damaged twice, a Serbian letter after в.
_DAMAGED = re.compile(
    "(?:[РС][\u00a0-\u00bf\u0401-\u040f\u0451-\u045f\u0490\u0491\u2018-\u203a\u20ac\u2116\u2122]){2,}|вЂ"
)


def encoding(text: str) -> Iterator[Edit]:
    """Lines whose UTF-8 was once read as another charset, put right by ftfy."""
    if not _DAMAGED.search(text):
        return
    for line in re.finditer(r"[^\n]+", text):
        if (fixed := _decoded(line[0])) != line[0]:
            yield Edit(line.start(), line.end(), fixed)


def _decoded(line: str) -> str:
    """A line put right as often as it was damaged."""
    from ftfy import fix_encoding

    while _DAMAGED.search(line):
        try:  # the commonest case, which ftfy does not know: UTF-8 bytes read as cp1251
            fixed = line.encode("cp1251").decode("utf-8")
        except UnicodeError:
            fixed = fix_encoding(line)
        if fixed == line:
            break
        line = fixed
    return line


def hidden(text: str) -> Iterator[Edit]:
    """Soft hyphens, zero-width and control characters go; so does a line end that parts a word."""
    for match in _HIDDEN.finditer(text):
        parts = _SOFT in match[1] and text[max(0, match.start() - 1) : match.start()].isalpha()
        yield Edit(match.start(), match.end(2) if parts and match[2] else match.end(1), "")


def box_letter(text: str) -> Iterator[Edit]:
    """`╕` in a Russian word is і of a lost codepage, today's и."""
    for match in _BOX.finditer(text) if "╕" in text else ():
        yield Edit(match.start(), match.end(), "и" * len(match[0]))


def hash_hyphen(text: str) -> Iterator[Edit]:
    """`#` between Russian letters is a hyphen: "Из#за"."""
    for match in _HASH.finditer(text) if "#" in text else ():
        yield Edit(match.start(), match.end(), "-")


def look_alikes(text: str) -> Iterator[Edit]:
    """Latin letters that look Russian, inside a Russian word or alone between Russian words.

    A word with any Latin letter that looks like no Russian one stays as it is; a Roman numeral with
    a Russian letter in it becomes wholly Latin. In the old spelling Latin i looks like і.
    """
    # Words of two alphabets, and Roman numerals in Russian letters.
    numerals = _RUSSIAN_ROMAN.finditer(text) if "І" in text else ()
    odd = sorted({*_mixed(text), *(numeral.span() for numeral in numerals)})
    old = any("i" in text[start:end].lower() for start, end in odd) and is_old(text)
    words = [Edit(start, end, new) for start, end in odd if (new := _plain(text[start:end], old))]
    # No edit changes the length, and a letter's neighbours must be put right before it is judged.
    alone = [Edit(*m.span(), m[0].translate(_ALIKE)) for m in _ALONE.finditer(edited(text, words))]
    yield from sorted([*words, *alone], key=lambda edit: edit.start)


def _plain(word: str, old: bool) -> str | None:
    """The word in one alphabet; None where that cannot be."""
    roman, fixed = word.translate(_TO_ROMAN), word.translate(_ALIKE)
    if _ROMAN.fullmatch(roman):
        return roman
    if old:
        fixed = _LATIN_I.sub(lambda m: "і" if m[0] == "i" else "І", fixed)
    return None if re.search("[A-Za-z]", fixed) else fixed


def _mixed(text: str) -> Iterator[tuple[int, int]]:
    """Words of two alphabets: few, so they are looked for by the seam inside them."""
    for seam in _SEAM.finditer(text):
        start = seam.start()
        while start and text[start - 1].isalpha():
            start -= 1
        word = _ANY_WORD.match(text, start)
        assert word is not None
        yield word.span()


_LETTERS = str.maketrans("ѣѢіІїЇѳѲѵѴ", "еЕиИиИфФиИ")
_WORD = re.compile(r"(?<![^\W\d_])[а-яёѣіїѳѵА-ЯЁѢІЇѲѴ]++(?![^\W\d_])")
_OLD = re.compile("[ѣѢѳѲ]|[бвгджзклмнпрстфхцчшщ]ъ(?![а-яёѣі])", re.I)
_OLD_SHARE = 0.002
"""Old marks for each letter from which a text counts as old: such books have 0.06 and more."""
_WHOLE = {"онѣ": "они", "итти": "идти"}
_KEEP = frozenset(
    ["благо", "наго", "саго", "маго", "яго", "чикаго", "иаго", "сантьяго"]
) | frozenset(["словакия", "евдокия", "фракия", "лукия", "чувашия", "затишия"])
"""Words, in today's letters, that only look as if they had an old ending."""
_SELF = "(?=(?:ся)?$)"
_ENDINGS = [
    (re.compile(pattern), new)
    for pattern, new in (
        (f"(?<=[жшчщц])аго{_SELF}", "его"),
        ("(?<=[бвгдзклмнпрстфх])аго$", "ого"),
        (f"(?<=[внртлдзсжшчщь])яго{_SELF}", "его"),
        ("^(н?)ея$", r"\1ее"),
        # Plural adjectives and participles; nouns in -ия keep it, so each ending is told apart.
        ("(?<=[а-яё]{2}ы)я$", "е"),
        ("(?<=ки)я$", "е"),
        (f"(?<=[шщ]и)я{_SELF}", "е"),
        ("(?<=[джвмтхйнь]ни)я$", "е"),
        ("(?<=шни)я$", "е"),
        ("(?<=вечерни)я$", "е"),
        ("(?<=[ая]чи)я$", "е"),
    )
]
_NAMED = re.compile(
    "^((?:не|пре)?(?:мног|друг|долг|строг|дорог|наг|туг|убог|полог|отлог|благ|тих|глух|сух|ветх"
    "|плох|лих|чуж|свеж|рыж|дюж|пригож|похож|проч|рабоч|могуч|кипуч|жгуч|дремуч|певуч|летуч"
    "|ползуч|колюч|син|горн)и)я$",
)
"""Adjectives told by name: "литургия", "монархия", "оружия" and "созвучия" are nouns."""
_ADDED = (
    (re.compile("(?<=[бвдзст])ъи"), "ы"),
    (re.compile("ъ+(?![еёюя])"), ""),
    # Where a prefix in -з stands before a voiceless consonant it is written -с today.
    (re.compile("(?<=ра)з(?=с)|(?<=во)з(?=с)|(?<=бе)з(?=[кпстфхцчшщ])"), "с"),
    (re.compile("^((?:не)?и|ни|ро|в)з(?=с)"), r"\1с"),
    (re.compile("^((?:не)?и|чере|чре|ра)з(?=[кптфхцчшщ])|^(во)з(?=[птфхцш])"), r"\1\2с"),
)


def is_old(text: str) -> bool:
    """Whether a text is written in the old spelling."""
    marks = sum(1 for _ in _OLD.finditer(text))
    return marks > 0 and marks > _OLD_SHARE * sum(map(str.isalpha, text))


def pre_reform(text: str) -> Iterator[Edit]:
    """Every word of an old text that is spelt otherwise today."""
    if not is_old(text):
        return
    for match in _WORD.finditer(text):
        modern = modernised(match[0])
        if modern != match[0]:
            yield Edit(match.start(), match.end(), modern)


@lru_cache(maxsize=50_000)
def modernised(word: str) -> str:
    """One word in today's spelling.

    >>> modernised("страннаго"), modernised("движеніями"), modernised("безконечный")
    ('странного', 'движениями', 'бесконечный')
    """
    if not word.strip("ъЪ"):
        return word
    if word != word.lower():
        return _cased(modernised(word.lower()), word)
    text = _WHOLE.get(word, word.translate(_LETTERS))
    for pattern, new in _ADDED:
        text = pattern.sub(new, text)
    if text in _KEEP:
        return text
    text = _NAMED.sub(r"\1е", text)
    for pattern, new in _ENDINGS:
        text = pattern.sub(new, text)
    return text


def _cased(modern: str, like: str) -> str:
    """A word that changed no more than its letters keeps the case of each; else it is guessed."""
    if like.isupper() and len(like) > 1:
        return modern.upper()
    if len(modern) == len(like):
        return "".join(
            m.upper() if was.isupper() else m for m, was in zip(modern, like, strict=True)
        )
    return modern[:1].upper() + modern[1:] if like[0].isupper() else modern

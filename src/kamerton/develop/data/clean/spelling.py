"""Letters and spelling: mojibake, look-alikes, hidden characters, the old orthography.

Russian spelling before 1918 becomes today's. Letters are safe to convert anywhere; endings only in
a text that is in the old spelling, since modern words may look alike. Rules after the decree of 10
October 1918. Names with an old ending ("Живаго") and endings that only the sense tells apart are
beyond rules for single words.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from unicodedata import normalize

from kamerton.develop.data.clean.edits import Edit, edited
from kamerton.documents import mojibake
from kamerton.formats.spelling import CYRILLIC, LATIN, UNSEEN, mixed

_ALIKE = str.maketrans(LATIN, CYRILLIC)
_OWN = "а-яёѣіѳѵА-ЯЁѢІѲѴ"
_RUSSIAN = re.compile("[\u0400-\u052f]+")
_ROMAN = re.compile("[IVXLCDM]+")
_TO_ROMAN = str.maketrans("ХСМІ", "XCMI")
_RUSSIAN_ROMAN = re.compile(r"(?<!\w)[ХСМ]*І[ХСМІ]*(?!\w)")
"""A numeral typed with the old letter І, which no word has alone: "Николай І", "ХІІ"."""
_LATIN_I = re.compile("i|^I(?=[аеоуюи][а-яёѣіѳѵ]{2})")
_ALONE = re.compile("[acoyk](?<=[а-яёѣіѳѵ,] .)(?= [а-яёѣіѳѵ])")
_SYMBOL = re.compile(r"(?<![\w'’.-])[bd-jl-np-xz](?![\w'’.-])|[=<>≤≥]")
_NAMED_BEFORE = re.compile(
    r"(?<!\w)(?:[a-z]|при|для|от|из|на|в|к|о|у|до|больше|меньше|через|между|над|под|без|по|пусть|(?:числ|переменн"
    r"|точк|функци|букв|уг[ло]|сторон|величин|значени|вектор|прям|параметр|коэффициент|график|индекс"
    r"|степен|координат|длин|радиус|скорост|масс|матриц|множеств|элемент|столб|строк|символ|знак"
    r"|нот|клавиш|пункт|групп|витамин|класс|язык)\w*),? $"
)
"""What stands before a letter that is a name; a preposition is never followed by another."""
_NAMED_AFTER = re.compile(
    r" (?:равн|больш|меньш|дели|стрем|принадл|паралл|перпенд|пропорц|ч[её]тн|положит|отрицат"
    r"|цел[оы]|возраст|убыв|обознач|измен|леж[аи]т|есть |и(?:ли)? [a-z]\b)"
)
_NOUNS = r"ого|его|ой|ей|ых|их|ов|ев|нас|вас"
_NO_NOUN = r"(?!(?:и|или|не|ни|но|что|если|то|при|где|на|от|до|из|для|по|же|ли)(?!\w))"
_CASES = {
    "c": rf" {_NO_NOUN}\w*(?:{_NOUNS}|[ое]м|ём|[ое]ю|ами|ями|[ыи]ми?|ью|(?<!с)[аяыиую])(?!\w)",
    "y": rf" {_NO_NOUN}\w*(?:{_NOUNS}|(?<!с)[аяыи])(?!\w)",
    "k": rf" {_NO_NOUN}\w*(?:[уюи]|[ое]му|ой|ей|[ыи]м|ам|ям|[^оеыи\W]е)(?!\w)",
    "o": rf" {_NO_NOUN}\w*(?:[еи]|[ое]м|ём|[ое]й|[ыи]х|[ая]х|[нв]ас)(?!\w)",
}
"""Endings that a noun has after each of these prepositions."""
_BOX = re.compile(f"(?<=[{_OWN}{LATIN}iI])╕+|╕+(?=[{_OWN}{LATIN}iI])")
_HASH = re.compile(f"(?<=[{_OWN}])#(?=[{_OWN}])")
_SOFT = "\u00ad"
_INVISIBLE = rf"[{UNSEEN}\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_HIDDEN = re.compile(rf"({_INVISIBLE}{_INVISIBLE}*)([ \t]*\n[ \t]*(?=[^\W\d_]))?")
_JOINED = re.compile(
    "[\u0590-\u1fff\u2070-\U0010ffff][\u200c\u200d][\u0590-\u1fff\u2070-\U0010ffff]"
)
"""Emoji, and letters of scripts that are joined or parted so."""
_MARK = re.compile("[\u0300-\u036f]")
_MARKED = re.compile(r"\w[\u0300-\u036f]+")


def encoding(text: str) -> Iterator[Edit]:
    """Lines that were once read in another charset than their own."""
    yield from (Edit(*line) for line in mojibake.repaired(text))


def hidden(text: str) -> Iterator[Edit]:
    """Soft hyphens, zero-width and control characters go; so does a line end that parts a word.

    What joins emoji, or the letters of a script that needs it, stays.
    """
    for match in _HIDDEN.finditer(text):
        if match[1] in "\u200c\u200d" and _JOINED.match(text, max(0, match.start() - 1)):
            continue
        parts = _SOFT in match[1] and text[max(0, match.start() - 1) : match.start()].isalpha()
        yield Edit(match.start(), match.end(2) if parts and match[2] else match.end(1), "")


def composed(text: str) -> Iterator[Edit]:
    """Letters whose marks stand after them as characters of their own (NFD): й, ё, é."""
    for match in _MARKED.finditer(text) if _MARK.search(text) else ():
        if (letters := normalize("NFC", match[0])) != match[0]:
            yield Edit(match.start(), match.end(), letters)


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
    a Russian letter in it becomes wholly Latin. In the old spelling Latin i looks like і. A letter
    alone may be a variable: see `_is_word`.
    """
    # Words of two alphabets, and Roman numerals in Russian letters.
    numerals = _RUSSIAN_ROMAN.finditer(text) if "І" in text else ()
    odd = sorted({*mixed(text), *(numeral.span() for numeral in numerals)})
    old = any("i" in text[start:end].lower() for start, end in odd) and is_old(text)
    words = [Edit(start, end, new) for start, end in odd if (new := _plain(text[start:end], old))]
    # No edit changes the length, and a letter's neighbours must be put right before it is judged.
    spelt = edited(text, words)
    alone = [
        Edit(*letter.span(), letter[0].translate(_ALIKE))
        for letter in _ALONE.finditer(spelt)
        if _is_word(spelt, letter, words)
    ]
    yield from sorted([*words, *alone], key=lambda edit: edit.start)


def _is_word(text: str, letter: "re.Match[str]", repaired: Sequence[Edit]) -> bool:
    """Whether a Latin letter alone is а, к, о, с or у by mistake, and names nothing.

    It is where its line has Latin letters inside Russian words, or where what follows has the case
    that the preposition asks for; "а" stands after a comma. Not beside other variables.
    """
    at, end = letter.span()
    first, last = text.rfind("\n", 0, at) + 1, text.find("\n", end)
    line = text[first : last if last >= 0 else len(text)]
    before = text[max(first, at - 30) : at]
    if _SYMBOL.search(line) or _NAMED_BEFORE.search(before) or _NAMED_AFTER.match(text, end):
        return False
    if any(first <= edit.start < first + len(line) for edit in repaired):
        return True
    cases = _CASES.get(letter[0])
    return bool(re.match(cases, text[end : end + 40])) if cases else before.endswith(", ")


def _plain(word: str, old: bool) -> str | None:
    """The word in one alphabet; None where that cannot be."""
    roman, fixed = word.translate(_TO_ROMAN), word.translate(_ALIKE)
    if _ROMAN.fullmatch(roman):
        return roman
    if old:
        fixed = _LATIN_I.sub(lambda m: "і" if m[0] == "i" else "І", fixed)
    return fixed if _RUSSIAN.fullmatch(fixed) else None


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

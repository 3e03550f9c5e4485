"""Russian spelling before 1918 to today's: letters, silent ъ, prefixes and endings.

Letters are safe to convert anywhere; endings only in a text that is in the old spelling, since
modern words may look alike. Rules after the decree of 10 October 1918. Names with an old ending
("Живаго") and endings that only the sense tells apart are beyond rules for single words.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from kamerton.develop.data.clean.edits import Edit

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
    for found in _WORD.finditer(text):
        modern = modernised(found[0])
        if modern != found[0]:
            yield Edit(found.start(), found.end(), modern)


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
    return text if text in _KEEP else _ended(text)


def _ended(text: str) -> str:
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

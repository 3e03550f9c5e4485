"""What is dropped after repair, each piece with its reason; and what a naive rule would have cost.

A filter looks at one paragraph (a line of the repaired text) or, for foreign letters, at its
sentences. Where a sentence goes, a gap stays: strangers are not glued together.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from kamerton.develop.data.clean.spelling import is_old

_NEIGHBOURS = re.compile("[іїєґўјђћљњџәғқңөұүһ]", re.I)
_NEIGHBOURLY = 0.04
"""Most letters of a paragraph that only the neighbours' alphabets have, as a share."""
_A_NAME = 2
"""So many of them may stand in any paragraph."""
_WORTH = 15
"""Visible characters from which the share of letters says something: "— Да!!" is speech."""
_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*")
_LETTER = r"[^\W\d_]"
_OWN = {"ru": "а-яёА-ЯЁ", "en": "a-zA-Z"}
_ROMAN = re.compile(r"(?<!\w)[IVXLCDM]+(?!\w)")
_ADDRESS = re.compile(r"<[A-Z]+>|\S*(?:@|://)\S*")
"""Addresses, and what a mask put in the place of personal data: no words of any language."""
_SINGLE = re.compile(rf"(?<!\w){_LETTER}(?!\w)")


@dataclass(frozen=True)
class Limits:
    """Where each filter draws its line; shares are of letters unless said otherwise."""

    language: str = "ru"
    foreign: float = 0.2
    """Most foreign letters in a sentence, without Roman numerals, single letters and addresses."""
    letters: float = 0.5
    """Fewest letters among the visible characters of a paragraph of fifteen or more."""
    repetition: float = 0.3
    """Most words of a paragraph that repeat the word before them."""
    shortest: int = 2
    """Fewest letters of a paragraph."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Characters `start` to `end` of the repaired text go, because of `rule`."""

    start: int
    end: int
    rule: str


Filter = Callable[[str, Limits], bool]


def drops(text: str, limits: Limits) -> list[Drop]:
    """All that is dropped from one repaired text, in order, nothing twice."""
    dropped: list[Drop] = []
    for match in _PARAGRAPH.finditer(text):
        rule = next((name for name, bad in PARAGRAPH.items() if bad(match[0], limits)), None)
        if rule:
            dropped.append(Drop(match.start(), match.end(), rule))
        elif _foreign_letter(limits.language).search(match[0]):
            dropped += foreign_sentences(match[0], match.start(), limits)
    return dropped


def foreign_sentences(paragraph: str, offset: int, limits: Limits) -> Iterator[Drop]:
    """Sentences of a paragraph with too many letters of another alphabet."""
    from razdel import sentenize

    for sentence in sentenize(paragraph):
        if foreign_share(sentence.text, limits.language) > limits.foreign:
            yield Drop(offset + sentence.start, offset + sentence.stop, "foreign")


def foreign_share(sentence: str, language: str) -> float:
    """Share of a sentence's letters that are of another alphabet.

    >>> foreign_share("Глава XIV", "ru"), foreign_share("Oui, сказала", "ru")
    (0.0, 0.3)
    """
    pattern = _foreign_letter(language)
    if not pattern.search(sentence):
        return 0.0
    counted = _ADDRESS.sub(" ", sentence)
    counted = _SINGLE.sub(" ", _ROMAN.sub(" ", counted)) if language == "ru" else counted
    letters = sum(map(str.isalpha, counted))
    return len(pattern.findall(counted)) / letters if letters else 0.0


def naive_drops(text: str, language: str) -> Iterator[Drop]:
    """What the rule "drop every sentence with a letter of another alphabet" would drop.

    `text` as it was read but for its line breaks, so that both rules see the same sentences.
    """
    from razdel import sentenize

    pattern = _foreign_letter(language)
    for match in _PARAGRAPH.finditer(text):
        if pattern.search(match[0]):
            for sentence in sentenize(match[0]):
                if pattern.search(sentence.text):
                    start = match.start() + sentence.start
                    yield Drop(start, match.start() + sentence.stop, "naive")


def _too_short(paragraph: str, limits: Limits) -> bool:
    return not _at_least(limits.shortest).search(paragraph)


def _few_letters(paragraph: str, limits: Limits) -> bool:
    seen = len("".join(paragraph.split()))
    return seen >= _WORTH and sum(map(str.isalpha, paragraph)) < limits.letters * seen


def _repeats(paragraph: str, limits: Limits) -> bool:
    words = paragraph.split()
    if len(words) < 8:
        return False
    same = sum(map(str.__eq__, words, words[1:]))
    return same > limits.repetition * len(words)


def _other_language(paragraph: str, limits: Limits) -> bool:
    """Letters that only the neighbours' alphabets have: Ukrainian, Belarusian, Serbian, Kazakh."""
    if limits.language != "ru":
        return False
    letters = len(_NEIGHBOURS.findall(paragraph))
    return (
        letters > _A_NAME
        and letters > _NEIGHBOURLY * sum(map(str.isalpha, paragraph))
        and not is_old(paragraph)
    )


PARAGRAPH: dict[str, Filter] = {
    "too_short": _too_short,
    "few_letters": _few_letters,
    "repetition": _repeats,
    "language": _other_language,
}
"""Filters of whole paragraphs, in the order in which they are asked."""


@cache
def _foreign_letter(language: str) -> re.Pattern[str]:
    return re.compile(f"(?![{_OWN[language]}]){_LETTER}")


@cache
def _at_least(letters: int) -> re.Pattern[str]:
    return re.compile(f"(?:{_LETTER}.*?){{{letters}}}")

"""Words of a text for the search by words: one spelling, and of Russian words the stem only."""

import re
from functools import cache
from unicodedata import normalize

_WORD = re.compile(r"\w+")
_RUSSIAN = re.compile("[а-я]+")
_ENDINGS = (
    *("ыми", "ими", "ами", "ями", "ого", "его", "ому", "ему"),
    *("ах", "ях", "ам", "ям", "ом", "ем", "ов", "ев", "ых", "их", "ым", "им"),
)
"""Endings of nouns and adjectives that hold a consonant, the longer ones first."""
_VOWELS = "аеиоуыэюяйь"
_LEAST = 3
"""Letters that are left of a word at least: `век`, `бог`, `дом`."""


def words(text: str) -> list[str]:
    """The words of a text in its order; case, and е for ё, make no difference.

    >>> words("Идолы, идолом: Ёлка 3000")
    ['идол', 'идол', 'елк', '3000']
    """
    plain = normalize("NFC", text).casefold().replace("ё", "е")
    return [stem(word) for word in _WORD.findall(plain)]


@cache
def stem(word: str) -> str:
    """A Russian word, small letters, without its endings; any other word as it is.

    Endings are cut until none is left, so a form that looks like a stem with an ending (`остров`)
    meets its other forms (`острова`, `островом`). It knows no fleeting vowels: `камень` and
    `камня` stay two words.
    """
    if not _RUSSIAN.fullmatch(word):
        return word
    before = ""
    while word != before:
        before, word = word, _without_vowels(_without_ending(word))
    return word


def _without_ending(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST:
            return word.removesuffix(ending)
    return word


def _without_vowels(word: str) -> str:
    return word[:_LEAST] + word[_LEAST:].rstrip(_VOWELS)

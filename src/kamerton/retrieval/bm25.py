"""BM25: passages ranked by the words that they share with a query.

Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond, Foundations
and Trends in Information Retrieval 3:333. For a word that stands tf times in a passage of dl words
and in n of N passages:

    log(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 * (1 - b + b * dl / mean dl))

The 1 in the logarithm, which the paper does not have, keeps the weight of a word that most
passages hold above zero. A word that the query says twice counts twice. Words have one spelling,
and of Russian words the stem only.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from math import log

from kamerton.formats.spelling import folded

K1, B = 1.2, 0.75
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
    return [stem(word) for word in _WORD.findall(folded(text))]


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
        before = word
        endings = (e for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= _LEAST)
        word = word.removesuffix(next(endings, ""))
        word = word[:_LEAST] + word[_LEAST:].rstrip(_VOWELS)
    return word


class Bm25:
    """Passages in memory: for each word the passages that hold it, with its part of their score."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Count the words of all texts; one pass over them."""
        counted = [Counter(words(text)) for text in texts]
        mean = sum(count.total() for count in counted) / max(1, len(counted))
        self._weights: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for row, count in enumerate(counted):
            soft = K1 * (1 - B + B * count.total() / mean) if mean else K1
            for word, times in count.items():
                self._weights[word].append((row, times / (times + soft)))
        self._rows = len(counted)

    def top(self, query: str, count: int) -> list[tuple[int, float]]:
        """Rows of the texts with the best scores, best first; only those that share a word.

        Of equal scores the first row wins, so the order never changes.
        """
        scores: defaultdict[int, float] = defaultdict(float)
        for word in words(query):
            holders = self._weights.get(word, [])
            rarity = log(1 + (self._rows - len(holders) + 0.5) / (len(holders) + 0.5))
            for row, weight in holders:
                scores[row] += rarity * weight
        return sorted(scores.items(), key=lambda found: (-found[1], found[0]))[:count]

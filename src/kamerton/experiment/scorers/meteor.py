"""METEOR by exact words and by stems, for summaries and translations in any language.

Banerjee and Lavie 2005 (ACL Workshop on Intrinsic and Extrinsic Evaluation Measures), with their
parameters; without synonyms, as it is published for languages that have no WordNet, and with the
alignment of Lavie and Denkowski 2009 (Machine Translation 23:105): the most words, then the fewest
chunks. Of m matched words, t in the answer and r in the reference, in c chunks:

    F = 10 P R / (R + 9 P), P = m / t, R = m / r        METEOR = F (1 - 0.5 (c / m) ** 3)

The value of an item is the best over its references, that of a corpus the mean. Words are those of
`rouge`, stems Snowball's: Russian ones of Cyrillic words, English ones of the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from kamerton.experiment.scorers.rouge import TOKENIZER, UnicodeTokenizer
from kamerton.experiment.scorers.scored import Example, by_pairs, version

RECALL, PENALTY, POWER = 9, 0.5, 3
_BEAM = 40
"""Alignments that are followed at once; a text with few repeated words has fewer."""
_TOKENIZER = UnicodeTokenizer()
Alignment = dict[int, int]
"""Place of a word in the answer to that of its match in the reference."""


@dataclass(frozen=True)
class _Path:
    pairs: tuple[tuple[int, int], ...] = ()
    chunks: int = 0
    distance: int = 0
    """Sum of how far matched words stand from one another's places."""

    def to(self, answer: int, reference: int) -> "_Path":
        """The path with one match more."""
        joined = bool(self.pairs) and self.pairs[-1] == (answer - 1, reference - 1)
        distance = self.distance + abs(answer - reference)
        return _Path((*self.pairs, (answer, reference)), self.chunks + (not joined), distance)


def meteor(answer: str, reference: str) -> float:
    """METEOR of an answer, in [0, 1]."""
    said, wanted = _TOKENIZER.tokenize(answer), _TOKENIZER.tokenize(reference)
    matched = align(said, wanted)
    if not matched:
        return float(not said and answer.strip() == reference.strip())
    precision, recall = len(matched) / len(said), len(matched) / len(wanted)
    f = (1 + RECALL) * precision * recall / (recall + RECALL * precision)
    pairs = sorted(matched.items())
    joined = sum(b == (a[0] + 1, a[1] + 1) for a, b in pairwise(pairs))
    return f * (1 - PENALTY * ((len(pairs) - joined) / len(pairs)) ** POWER)


def align(answer: Sequence[str], reference: Sequence[str]) -> Alignment:
    """Matches of words: equal ones first, then, of those left, ones with the same stem."""
    found = _stage(answer, reference, {})
    return _stage([_stem(word) for word in answer], [_stem(word) for word in reference], found)


def _stage(answer: Sequence[str], reference: Sequence[str], fixed: Alignment) -> Alignment:
    """`fixed` with as many matches as can be; of these the fewest chunks, then the nearest."""
    taken = set(fixed.values())
    places: dict[str, list[int]] = {}
    for place, word in enumerate(reference):
        if place not in taken:
            places.setdefault(word, []).append(place)
    left = Counter(word for place, word in enumerate(answer) if place not in fixed)
    wanted = {word: min(left[word], len(those)) for word, those in places.items()}
    paths = [_Path()]
    for place, word in enumerate(answer):
        if place in fixed:
            paths = [path.to(place, fixed[place]) for path in paths]
        elif wanted.get(word):
            paths = _onward(paths, place, places[word], wanted[word], left[word])
            left[word] -= 1
    return dict(paths[0].pairs)


def _onward(
    paths: Sequence[_Path], place: int, those: Sequence[int], wanted: int, left: int
) -> list[_Path]:
    """The best paths after one word that may match: with each free place, or passed over.

    It may be passed over only where enough of its kind are left for all matches.
    """
    longer = []
    for path in paths:
        used = {reference for _, reference in path.pairs}
        free = [reference for reference in those if reference not in used]
        missing = wanted - (len(those) - len(free))
        if missing > 0:
            longer += [path.to(place, reference) for reference in free]
        if left > missing:
            longer.append(path)
    return sorted(longer, key=lambda path: (path.chunks, path.distance))[:_BEAM]


@cache
def _stem(word: str) -> str:
    cyrillic = any("а" <= letter <= "я" for letter in word)
    return str(_stemmer("russian" if cyrillic else "english").stem(word))


@cache
def _stemmer(language: str) -> Any:
    from nltk.stem.snowball import SnowballStemmer

    return SnowballStemmer(language)


def _signature() -> str:
    return (
        f"meteor|alpha:0.9|beta:{POWER}|gamma:{PENALTY}|stages:exact,snowball|refs:best"
        f"|tok:{TOKENIZER}|nltk:{version('nltk')}"
    )


# 6 of 7 words and 6 of 6, in 2 chunks: F = 60 / 61.
_EXAMPLE = Example(
    "the cat was sat on the mat",
    "the cat sat on the mat",
    60 / 61 * (1 - 0.5 / 27),
    "Banerjee and Lavie 2005",
)
SCORERS = {"meteor": by_pairs("meteor", meteor, _signature, _EXAMPLE)}

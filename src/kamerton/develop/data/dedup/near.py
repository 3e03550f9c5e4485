"""Duplicates by their words: exact, near, and contained in other texts.

Texts become hashed runs of words, the same on every machine and in every order of reading. Exact
duplicates have the same words in the same order, whatever their case and punctuation. Near ones
have similar MinHash signatures (Broder 1997), compared in bands, and then a true Jaccard
similarity that is high. Of a text inside others the share of its runs of eight words counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

from kamerton.formats.spelling import WORD, key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Signatures = NDArray[np.uint32]

_BASE = 0x9E3779B97F4A7C15
"""Odd multiplier of the rolling hash (2^64 divided by the golden ratio)."""


def normal(text: str) -> str:
    """A text without case, ё, punctuation and what is not seen: what counts as the same words."""
    return " ".join(map(key, WORD.findall(text)))


_USUAL = re.compile("[а-я0-9]+")
"""Nearly all words of Russian texts, folded: they have one spelling."""


class _WordHashes(dict[str, int]):
    """Each word's 64-bit hash, computed once; Python's own `hash` differs from run to run."""

    def __missing__(self, word: str) -> int:
        spelt = word if _USUAL.fullmatch(word) else key(word)
        value = int.from_bytes(blake2b(spelt.encode(), digest_size=8).digest(), "little")
        self[word] = value
        return value


_HASHES = _WordHashes()


def word_hashes(text: str) -> "Hashes":
    """One hash for each word of the text."""
    import numpy as np

    words = WORD.findall(text.casefold().replace("ё", "е"))
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


def shingles(words: "Hashes", size: int) -> "Hashes":
    """One hash for each run of `size` words; a shorter text has one, of all its words."""
    import numpy as np

    size = min(size, len(words))
    if not size:
        return words
    total = np.zeros(len(words) - size + 1, np.uint64)
    for place in range(size):
        total = total * np.uint64(_BASE) + words[place : place + len(total)]
    return total


def repeats(hashes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (id, its words or their hash), in order of preference: each repeat and what it repeats.

    An empty value is a text without words: it repeats nothing.
    """
    first: dict[str, str] = {}
    repeated = {}
    for name, value in hashes:
        if value in first:
            repeated[name] = first[value]
        elif value:
            first[value] = name
    return repeated


NEAR_WORDS = 3
"""Words of a shingle."""
PERMUTATIONS, ROWS = 63, 3
"""With 21 bands of 3 rows a pair of Jaccard 0.5 becomes a candidate with probability 0.94, one of
0.6 with 0.99, one of 0.8 with 0.9999997; whether it is one is then measured, not estimated."""
_ALL = 8
_CHUNK, _SETS = 4096, 4096


def near_runs(text: str) -> frozenset[int]:
    """The runs of words by which texts are near."""
    return frozenset(shingles(word_hashes(text), NEAR_WORDS).tolist())


def signatures(rows: Sequence["Hashes"], seed: int = 42) -> "Signatures":
    """MinHash signature of each row of shingles: [rows, PERMUTATIONS] of uint32."""
    import numpy as np
    from rensa import RMinHash

    parts = [np.zeros((0, PERMUTATIONS), np.uint32)]
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        flat = np.concatenate(chunk)
        ends = np.cumsum([0, *(len(row) for row in chunk)]).astype(np.uint64)
        matrix: Any = RMinHash.digest_matrix_from_flat_token_hashes(
            flat, ends.tolist(), PERMUTATIONS, seed
        )
        parts.append(np.array(matrix.to_rows(), np.uint32))
    return np.concatenate(parts)


def pairs(
    signed: "Signatures", grams: Callable[[int], frozenset[int]], threshold: float
) -> list[tuple[int, int, float]]:
    """Pairs of rows with a Jaccard similarity of at least `threshold`, each with it, in order.

    `grams` gives the shingles of a row. It is asked for candidates only, once for each and in their
    order, so that texts may lie in files: a pair of candidates is often one of distant texts.
    """
    import numpy as np

    proposed = sorted(set(candidates(signed)))
    wanted = sorted({row for pair in proposed for row in pair})
    # As arrays, a tenth of what sets of numbers take.
    hashes_of = {row: np.fromiter(grams(row), np.uint64) for row in wanted}

    @lru_cache(maxsize=_SETS)
    def shingles_of(row: int) -> frozenset[int]:
        return frozenset(hashes_of[row].tolist())

    near_pairs = []
    for one, other in proposed:
        similarity = jaccard(shingles_of(one), shingles_of(other))
        if similarity >= threshold:
            near_pairs.append((one, other, similarity))
    return near_pairs


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """Shared shingles over all shingles of two texts."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def candidates(signed: "Signatures") -> Iterator[tuple[int, int]]:
    """Pairs of rows that are equal in a band, the lower row first.

    Of more than `_ALL` equal rows each is paired with the first and the next only: all pairs would
    be quadratic, and a chain through the cluster joins it as well.
    """
    import numpy as np

    for band in range(0, signed.shape[1], ROWS):
        part = np.ascontiguousarray(signed[:, band : band + ROWS])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * ROWS))).ravel()
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1
        starts, ends = np.array([0, *edges]), np.array([*edges, len(order)])
        several = ends - starts > 1
        for start, end in zip(starts[several], ends[several], strict=True):
            yield from _paired(order[start:end].tolist())


def _paired(rows: list[int]) -> Iterator[tuple[int, int]]:
    if len(rows) <= _ALL:
        yield from combinations(rows, 2)
    else:
        yield from pairwise(rows)
        yield from ((rows[0], row) for row in rows[2:])


CONTAINED_WORDS = 8
_LEAST_SHARE = 0.01
_FEW = 64


@dataclass(frozen=True)
class Containment:
    """How much of one text stands in others."""

    id: str
    share: float
    """Of this text's shingles, in all other texts together."""
    within: dict[str, float]
    """The same for each other text that has at least one in a hundred of them."""


def containments(documents: Mapping[str, "Hashes"], least: float) -> list[Containment]:
    """Every text of which at least `least` stands in others, by id.

    Counts distinct shingles. Memory: 20 bytes for each distinct shingle of each text, and 24 for
    each one that two texts share. `within` may be low where more than `_FEW` texts share a shingle.
    """
    import numpy as np

    names = sorted(documents)
    distinct = [np.unique(documents[name]) for name in names]
    sizes = np.array([len(of) for of in distinct], np.int64)
    hashes = np.concatenate([np.zeros(0, np.uint64), *distinct])
    owners = np.repeat(np.arange(len(names), dtype=np.int64), sizes)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    repeats = np.zeros(len(hashes), bool)
    repeats[1:] = hashes[1:] == hashes[:-1]
    repeats[:-1] |= repeats[1:]
    anywhere = np.bincount(owners[repeats], minlength=len(names)) / np.maximum(1, sizes)
    within = _within(hashes, owners, sizes, names)
    return [
        Containment(name, float(anywhere[i]), within.get(i, {}))
        for i, name in enumerate(names)
        if sizes[i] and anywhere[i] >= least
    ]


def _within(
    hashes: "Hashes", owners: "NDArray[np.int64]", sizes: "NDArray[np.int64]", names: list[str]
) -> dict[int, dict[str, float]]:
    """For each text, by number, its share in each other text, from sorted shingles."""
    import numpy as np

    codes = []
    for step in range(1, _FEW):
        same = hashes[step:] == hashes[:-step]
        if not same.any():
            break
        codes.append(owners[:-step][same] * len(names) + owners[step:][same])
    pairs, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]), return_counts=True)
    shares: dict[int, dict[str, float]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        ends = divmod(pair, len(names))
        for one, other in (ends, ends[::-1]):
            if count >= _LEAST_SHARE * sizes[one]:
                shares.setdefault(one, {})[names[other]] = float(count / sizes[one])
    return shares

"""Near duplicates: MinHash signatures (Broder 1997), bands, and the true Jaccard of candidates."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.shingles import Hashes

    Signatures = NDArray[np.uint32]

WORDS = 3
"""Words of a shingle."""
PERMUTATIONS, ROWS = 63, 3
"""With 21 bands of 3 rows a pair of Jaccard 0.5 becomes a candidate with probability 0.94, one of
0.6 with 0.99, one of 0.8 with 0.9999997; whether it is one is then measured, not estimated."""
_ALL = 8
_CHUNK, _SETS = 4096, 4096


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
    known = {row: np.fromiter(grams(row), np.uint64) for row in wanted}

    @lru_cache(maxsize=_SETS)
    def shingles_of(row: int) -> frozenset[int]:
        return frozenset(known[row].tolist())

    found = []
    for one, other in proposed:
        likeness = jaccard(shingles_of(one), shingles_of(other))
        if likeness >= threshold:
            found.append((one, other, likeness))
    return found


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

"""Duplicates by meaning: cosines of sentence vectors, and from which cosine two rows say the same.

For rows, hundreds to some ten thousands: all pairs are compared. Of whole novels every vector is
about the same.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.retrieval.embedding import Vectors

FLOOR, CEILING = 0.75, 0.95
"""Below 0.75 the default encoder finds the same task about another thing ("рецепт борща", "рецепт
начос") more often than the same meaning; above 0.95 lie copies with a changed mark."""
_NEARER, _FURTHEST = 0.84, 0.999
"""Quantiles at which the spread of strangers is measured: one, and the highest of the other."""
_PARTNERS = 5
"""So many duplicates of each row leave the second quantile to strangers."""
_DRAWN = 200_000
_BLOCK = 2048


def threshold(vectors: "Vectors", seed: int) -> float:
    """The cosine from which rows of this set are duplicates by meaning, from 0.75 to 0.95.

    Random pairs of rows are strangers nearly all. Their cosines, by Fisher's transformation, have
    about a normal distribution; it is carried on from its upper half to the cosine that half a
    pair of strangers in the whole set is expected to pass. So rows that are all about one product
    need a higher cosine than rows about anything. Fewer than 3 rows say nothing of strangers: then
    it is the floor. `vectors` are unit rows, [rows, dimensions].
    """
    import numpy as np
    from scipy.stats import norm

    if len(vectors) < 3:
        return FLOOR
    total = len(vectors) * (len(vectors) - 1) // 2
    strangers = np.arctanh(np.clip(_cosines(vectors, total, seed), -0.999, 0.999))
    tail = [_NEARER, min(_FURTHEST, max(_NEARER, 1 - _PARTNERS / len(vectors)))]
    middle, *high = np.quantile(strangers, [0.5, *tail])
    spread = max((at - middle) / norm.ppf(q) for at, q in zip(high, tail, strict=True))
    passed = float(np.tanh(middle + spread * norm.isf(0.5 / total)))
    return round(min(CEILING, max(FLOOR, passed)), 3)


def pairs(vectors: "Vectors", threshold: float) -> list[tuple[int, int, float]]:
    """Pairs of rows with a cosine of at least `threshold`, each with it, in order.

    Block by block: memory for 2048 x 2048 cosines, and the pairs that are found.
    """
    import numpy as np

    near_pairs: list[tuple[int, int, float]] = []
    for top in range(0, len(vectors), _BLOCK):
        for left in range(top, len(vectors), _BLOCK):
            cosines = vectors[top : top + _BLOCK] @ vectors[left : left + _BLOCK].T
            if left == top:
                cosines[np.tril_indices(len(cosines))] = -1
            ones, others = np.nonzero(cosines >= threshold)
            values = cosines[ones, others].tolist()
            near_pairs += zip((ones + top).tolist(), (others + left).tolist(), values, strict=True)
    return sorted(near_pairs)


def _cosines(vectors: "Vectors", total: int, seed: int) -> "NDArray[np.float64]":
    """Cosines of all pairs, or of as many random ones as tell their distribution."""
    import numpy as np

    if total <= _DRAWN:
        ones, others = np.triu_indices(len(vectors), 1)
    else:
        drawn = np.random.default_rng(seed)
        ones = drawn.integers(0, len(vectors), _DRAWN)
        others = (ones + drawn.integers(1, len(vectors), _DRAWN)) % len(vectors)
    parts = [
        np.einsum("ij,ij->i", vectors[ones[at : at + _BLOCK]], vectors[others[at : at + _BLOCK]])
        for at in range(0, len(ones), _BLOCK)
    ]
    return np.concatenate(parts).astype(np.float64)

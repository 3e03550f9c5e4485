"""Values by group, and groups drawn again and again: what the resampling methods share."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Integers = NDArray[int64]

LEVEL = 0.95
TINY = 1e-9
_CHUNK = 2_000_000


def by_group(values: Sequence[float], groups: Sequence[str]) -> "tuple[Floats, Integers]":
    """Sum and count of the values of each group, in the order of the groups' names.

    Raises ValueError for no values, values that are no numbers, and groups of another length.
    """
    import numpy as np

    if len(values) != len(groups) or not len(values):
        raise ValueError("one value and one group for each question, and at least one question")
    given = np.asarray(values, dtype=float)
    if not np.isfinite(given).all():
        raise ValueError("a value is not a finite number: unrated questions must be left out")
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(index, weights=given).astype(np.float64)
    return sums, np.bincount(index).astype(np.int64)


def resampled(sums: "Floats", counts: "Integers", resamples: int, seed: int) -> "Floats":
    """Means over groups drawn with replacement, one for each resample: (resamples,)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    means = []
    for rows in chunks(resamples, len(sums)):
        drawn = rng.integers(0, len(sums), (rows, len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def tail(groups: int, level: float = LEVEL) -> float:
    """Share cut off at each end, so that a normal mean of few groups is covered at `level`.

    The "expanded percentile interval" of Hesterberg 2015 (The American Statistician 69:4).
    """
    from scipy.stats import norm, t

    wide = (groups / (groups - 1)) ** 0.5 * t.ppf(0.5 + level / 2, groups - 1)
    return float(norm.cdf(-wide))


def chunks(resamples: int, width: int) -> Iterator[int]:
    """Numbers of rows that add up to `resamples` and keep a matrix of that width small."""
    rows = max(1, _CHUNK // width)
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)

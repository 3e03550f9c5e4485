"""A share, a mean or a difference with its interval; whole groups are drawn, and no certainty told.

`interval` is for what stands alone, `bca` for a paired difference. `Interval.kind` says how an
interval was made: an empty sample of disagreement, or one group, is not left to the bootstrap.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Integers = NDArray[int64]

LEVEL = 0.95
TINY = 1e-9
RESAMPLES = 10_000
Bounds = tuple[float, float]
"""Least and largest value that is possible."""
SHARE: Bounds = (0.0, 1.0)
_CHUNK = 2_000_000


def interval(
    values: Sequence[float],
    groups: Sequence[str],
    bounds: Bounds = SHARE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """A share or a mean with its 95 % interval, by what suits the sample.

    Rights and wrongs (1, 0) of which each is a group of its own: Wilson's. Else `bootstrap`.
    ValueError where there are no values, or not one group for each.
    """
    if bounds == SHARE and set(values) <= {0.0, 1.0} and len(set(groups)) == len(values) > 0:
        return wilson(int(sum(values)), len(values))
    return bootstrap(values, groups, bounds, resamples, seed)


def wilson(successes: int, total: int, level: float = LEVEL) -> Interval:
    """Wilson's interval of a share, which keeps its level where questions are few (Wilson 1927)."""
    from scipy.stats import binomtest

    ends = binomtest(successes, total).proportion_ci(level, method="wilson")
    return Interval(
        mean=successes / total, low=float(ends.low), high=float(ends.high), kind="wilson"
    )


def bootstrap(
    values: Sequence[float],
    groups: Sequence[str],
    bounds: Bounds,
    resamples: int = RESAMPLES,
    seed: int = 0,
    units: Sequence[int] | None = None,
) -> Interval:
    """Mean of `values` and its 95 % interval; whole groups are drawn again and again.

    With `units` (tokens, bytes) of each value it is the ratio of both sums.

    The percentile interval is too narrow when groups are few; its tails are widened to those of
    Student's t with the bootstrap's bias corrected ("expanded percentile interval", Hesterberg
    2015, The American Statistician 69:4). Groups that do not differ: `constant`; one alone:
    `bounds`.
    """
    import numpy as np

    sums, counts = by_group(values, groups)
    if units is not None:
        counts = by_group(units, groups)[0].astype(np.int64)
    if (known := _without_spread(sums, counts, bounds, LEVEL)) is not None:
        return known
    cut = tail(len(sums))
    low, high = np.quantile(resampled(sums, counts, resamples, seed), [cut, 1 - cut])
    mean = float(sums.sum() / counts.sum())
    return Interval(mean=mean, low=float(low), high=float(high), kind="bootstrap")


def bca(
    values: Sequence[float],
    groups: Sequence[str],
    bounds: Bounds,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Mean difference and its interval at `level`, groups drawn with replacement.

    Efron 1987 (JASA 82:171), bias and acceleration over groups, with the tails widened for few
    groups as in `bootstrap` (`CI.bca(expand = TRUE)` of Hesterberg's R package resample). It
    follows the skewness of the differences, which the percentile interval does not: where a few
    answers of a hundred got worse, that one's lower end comes too near to zero. Groups that do not
    differ: `constant`; one alone: `bounds`.
    """
    import numpy as np

    sums, counts = by_group(values, groups)
    if (known := _without_spread(sums, counts, bounds, level)) is not None:
        return known
    mean = float(sums.sum() / counts.sum())
    drawn = resampled(sums, counts, resamples, seed)
    low, high = np.quantile(drawn, _bca_shares(drawn, mean, sums, counts, level))
    return Interval(mean=mean, low=float(low), high=float(high), kind="bca")


def constant(mean: float, groups: int, bounds: Bounds, level: float = LEVEL) -> Interval:
    """The interval where no group differs from another: unseen groups may still do.

    No resample differs, so a bootstrap would claim certainty. Wilson's upper bound w for 0 of
    `groups` is the share that may be unlike those seen; were they all at an end of `bounds`, the
    mean would move by w times the way there (by w, where there is no such end).
    """
    share = wilson(0, groups, level).high
    down, up = (abs(end - mean) if math.isfinite(end) else 1.0 for end in bounds)
    return Interval(mean=mean, low=mean - share * down, high=mean + share * up, kind="constant")


def _without_spread(
    sums: "Floats", counts: "Integers", bounds: Bounds, level: float
) -> Interval | None:
    """The interval of one group, or of groups with the same mean; None for any other sample."""
    import numpy as np

    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1], kind="range")
    return constant(mean, len(sums), bounds, level) if np.ptp(sums / counts) < TINY else None


def _bca_shares(
    drawn: "Floats", mean: float, sums: "Floats", counts: "Integers", level: float
) -> list[float]:
    """Where the two ends lie among the resampled means, as shares."""
    import numpy as np
    from scipy.stats import norm

    # A tie counts half: means of right and wrong fall on few values.
    below = np.mean(drawn < mean - TINY) + np.mean(np.abs(drawn - mean) <= TINY) / 2
    bias = float(norm.ppf(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    away = left_out.mean() - left_out
    spread = float(np.sum(away**2)) ** 1.5
    # Efron's a by the jackknife over groups.
    acceleration = float(np.sum(away**3)) / (6 * spread) if spread > 0 else 0.0
    wide = float(norm.ppf(tail(len(sums), level)))
    ends = []
    for z in (wide, -wide):
        stretch = 1 - acceleration * (bias + z)
        # Efron's formula has a pole; past it the end is the outermost resample.
        ends.append(float(norm.cdf(bias + (bias + z) / stretch)) if stretch > 0 else float(z > 0))
    return ends


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

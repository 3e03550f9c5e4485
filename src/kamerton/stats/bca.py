"""The bias-corrected and accelerated bootstrap (BCa), over whole groups.

It follows the skewness of the differences, which the percentile interval does not: where a few
answers of a hundred got worse, the percentile interval's lower end comes too near to zero.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval
from kamerton.stats.groups import LEVEL, TINY, by_group, resampled, tail
from kamerton.stats.proportions import wilson

if TYPE_CHECKING:
    from kamerton.stats.groups import Floats, Integers


def bca(
    values: Sequence[float],
    groups: Sequence[str],
    bounds: tuple[float, float],
    resamples: int = 10_000,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Mean of `values` and its interval at `level`, groups drawn with replacement.

    Efron 1987 (JASA 82:171), bias and acceleration over groups, with the tails widened for few
    groups as in `paired.bootstrap` (`CI.bca(expand = TRUE)` of Hesterberg's R package resample).
    One group alone gives `bounds`. Groups that all agree give Wilson's bound for 0 of them, times
    half the width of `bounds`, so that certainty is never claimed.
    """
    import numpy as np

    sums, counts = by_group(values, groups)
    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1])
    if np.ptp(sums / counts) < TINY:
        return agreed(mean, len(sums), bounds, level)
    drawn = resampled(sums, counts, resamples, seed)
    low, high = np.quantile(drawn, _shares(drawn, mean, sums, counts, level))
    return Interval(mean=mean, low=float(low), high=float(high))


def agreed(mean: float, groups: int, bounds: tuple[float, float], level: float) -> Interval:
    """The interval where no group differs from another: unseen groups may still do.

    With both ends of a difference in [-1, 1], a share w of groups that were not seen to differ can
    move the mean by w.
    """
    slack = wilson(0, groups, level).high * (bounds[1] - bounds[0]) / 2
    return Interval(mean=mean, low=max(bounds[0], mean - slack), high=min(bounds[1], mean + slack))


def _shares(
    drawn: "Floats", mean: float, sums: "Floats", counts: "Integers", level: float
) -> list[float]:
    """Where the two ends lie among the resampled means, as shares."""
    import numpy as np
    from scipy.stats import norm

    # A tie counts half: means of right and wrong fall on few values.
    below = np.mean(drawn < mean - TINY) + np.mean(np.abs(drawn - mean) <= TINY) / 2
    bias = float(norm.ppf(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
    acceleration = _acceleration(sums, counts)
    wide = float(norm.ppf(tail(len(sums), level)))
    ends = []
    for z in (wide, -wide):
        stretch = 1 - acceleration * (bias + z)
        # Efron's formula has a pole; past it the end is the outermost resample.
        ends.append(float(norm.cdf(bias + (bias + z) / stretch)) if stretch > 0 else float(z > 0))
    return ends


def _acceleration(sums: "Floats", counts: "Integers") -> float:
    """Efron's a by the jackknife over groups."""
    import numpy as np

    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    away = left_out.mean() - left_out
    spread = float(np.sum(away**2)) ** 1.5
    return float(np.sum(away**3)) / (6 * spread) if spread > 0 else 0.0

"""Metrics that belong to a whole corpus (BLEU, chrF): resampled, never averaged by sentence.

A corpus metric is no mean, so tests of means do not apply (Koehn 2004; Riezler and Maxwell 2005).
It is a function of sums over items (matches, lengths): those are kept by item, added up by group,
and added up again for every resample. Both arms are always resampled together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kamerton.formats.scores import Interval
from kamerton.stats.intervals import LEVEL, TINY, Bounds, constant, tail

if TYPE_CHECKING:
    from numpy.random import Generator

    from kamerton.stats.intervals import Floats

Rows = Sequence[Sequence[float]]
"""Sums of each item, equally long: (items, figures)."""
Value = Callable[[Any], float]
"""A row of sums, over any items, to the metric of these items; NaN where it does not apply."""
RESAMPLES = 2000
"""Each takes the metric itself once more: fewer than of means."""
_UNDEFINED = 0.05
"""Past this share of resamples without a value the interval says nothing."""


@dataclass(frozen=True)
class CorpusSums:
    """What two arms' answers to the same questions add up to."""

    arm: Rows
    against: Rows
    value: Value
    bounds: Bounds
    """The metric's least and largest value."""


@dataclass(frozen=True)
class CorpusDifference:
    """Two arms on one corpus metric."""

    arm: float
    against: float
    effect: Interval
    """Arm minus against, with the interval of the paired bootstrap over groups."""
    p: float
    """Two-sided, by approximate randomisation over groups."""
    groups: int


def corpus_difference(
    sums: CorpusSums,
    groups: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> CorpusDifference:
    """Compare two arms on a metric of the corpus; `groups` are what each item belongs to.

    Interval: whole groups drawn with replacement, the same for both arms (Koehn 2004), tails
    widened for few groups (Hesterberg 2015), as in `bootstrap`. Where no resample differs, equal
    arms above all: `constant`. p: the two answers of whole groups are exchanged by chance
    (approximate randomisation, Riezler and Maxwell 2005), (hits + 1) / (resamples + 1) (Phipson and
    Smyth 2010). One group alone shows nothing: the whole range and p = 1. ValueError for lengths
    that differ, no items.
    """
    import numpy as np

    if not len(sums.arm) == len(sums.against) == len(groups) or not len(groups):
        raise ValueError("one row of each arm and one group for each item, and at least one item")
    left, right = group_sums(sums.arm, groups), group_sums(sums.against, groups)
    value, widest = sums.value, sums.bounds[1] - sums.bounds[0]
    values = value(left.sum(axis=0)), value(right.sum(axis=0))
    rng = np.random.default_rng(seed)
    drawn = _drawn(len(left), lambda n: value(n @ left) - value(n @ right), resamples, rng)
    observed = values[0] - values[1]
    effect = _interval(observed, drawn, len(left), (-widest, widest), level)
    p = _exchanged(left, right, value, observed, resamples, rng) if len(left) > 1 else 1.0
    return CorpusDifference(*values, effect, p, len(left))


def corpus_interval(
    rows: Rows,
    value: Value,
    bounds: Bounds,
    groups: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """One arm's value with its 95 % interval, whole groups drawn again and again."""
    import numpy as np

    sums = group_sums(rows, groups)
    rng = np.random.default_rng(seed)
    drawn = _drawn(len(sums), lambda times: value(times @ sums), resamples, rng)
    return _interval(value(sums.sum(axis=0)), drawn, len(sums), bounds, LEVEL)


def group_sums(rows: Rows, groups: Sequence[str]) -> "Floats":
    """Sums of the items of each group: (groups, figures), groups in the order of their names."""
    import numpy as np

    _, place = np.unique(np.asarray(groups), return_inverse=True)
    table = np.asarray(rows, dtype=np.float64)
    sums = np.zeros((int(place.max()) + 1, table.shape[1]))
    np.add.at(sums, place, table)
    return sums


def _drawn(
    groups: int, figure: "Callable[[Any], float]", resamples: int, rng: "Generator"
) -> "Floats":
    """The figure of resamples, from how often each group was drawn; NaN where it does not apply."""
    import numpy as np

    if groups < 2:
        return np.empty(0)
    times = (rng.integers(0, groups, groups) for _ in range(resamples))
    return np.array([figure(np.bincount(one, minlength=groups)) for one in times])


def _interval(
    observed: float, drawn: "Floats", groups: int, bounds: Bounds, level: float
) -> Interval:
    import numpy as np

    known = drawn[~np.isnan(drawn)]
    if groups < 2 or len(known) < (1 - _UNDEFINED) * len(drawn):
        return Interval(mean=observed, low=bounds[0], high=bounds[1], kind="range")
    if np.ptp(known) < TINY:
        return constant(observed, groups, bounds, level)
    cut = tail(groups, level)
    low, high = np.quantile(known, [cut, 1 - cut])
    return Interval(mean=observed, low=float(low), high=float(high), kind="corpus_bootstrap")


def _exchanged(
    left: "Floats",
    right: "Floats",
    value: Value,
    observed: float,
    resamples: int,
    rng: "Generator",
) -> float:
    hits = 0
    for _ in range(resamples):
        keep = rng.integers(0, 2, len(left))
        one = keep @ left + (1 - keep) @ right
        other = keep @ right + (1 - keep) @ left
        # Written so that a value that does not apply (NaN) counts against the difference.
        hits += not abs(value(one) - value(other)) < abs(observed) - TINY
    return (hits + 1) / (resamples + 1)

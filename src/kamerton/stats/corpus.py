"""Metrics that belong to a whole corpus (BLEU, chrF): resampled, never averaged by sentence.

A corpus metric is no mean, so tests of means do not apply (Koehn 2004; Riezler and Maxwell 2005).
It is a function of sums over items (matches, lengths): those are kept by item, added up by group,
and added up again for every resample. Both arms are always resampled together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kamerton.formats.scores import Interval
from kamerton.stats.groups import TINY, tail
from kamerton.stats.proportions import wilson

if TYPE_CHECKING:
    from numpy.random import Generator

    from kamerton.stats.groups import Floats

Rows = Sequence[Sequence[float]]
"""Sums of each item, equally long: (items, figures)."""
Value = Callable[[Any], float]
"""A row of sums, over any items, to the metric of these items; NaN where it does not apply."""
RESAMPLES = 2000
_UNDEFINED = 0.05
"""Past this share of resamples without a value the interval says nothing."""


@dataclass(frozen=True)
class CorpusDifference:
    """Two arms on one corpus metric."""

    arm: float
    against: float
    effect: Interval
    """Arm minus against, with the 95 % interval of the paired bootstrap over groups."""
    p: float
    """Two-sided, by approximate randomisation over groups."""
    groups: int


def corpus_difference(
    arm: Rows,
    against: Rows,
    value: Value,
    bounds: tuple[float, float],
    groups: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> CorpusDifference:
    """Compare two arms on a metric of the corpus, from the sums of their answers.

    `bounds` are the metric's least and largest value, `groups` what each item belongs to.

    Interval: whole groups drawn with replacement, the same for both arms (Koehn 2004), tails
    widened for few groups (Hesterberg 2015), as in `paired.bootstrap`. Where no resample differs,
    equal arms above all, Wilson's bound for 0 of that many groups, so that certainty is never
    claimed. p: the two answers of whole groups are exchanged by chance (approximate randomisation,
    Riezler and Maxwell 2005), (hits + 1) / (resamples + 1) (Phipson and Smyth 2010). One group
    alone shows nothing: the whole range and p = 1. ValueError for lengths that differ, no items.
    """
    import numpy as np

    if not len(arm) == len(against) == len(groups) or not len(groups):
        raise ValueError("one row of each arm and one group for each item, and at least one item")
    left, right = group_sums(arm, groups), group_sums(against, groups)
    values = value(left.sum(axis=0)), value(right.sum(axis=0))
    observed, widest = values[0] - values[1], bounds[1] - bounds[0]
    if len(left) < 2:
        whole = Interval(mean=observed, low=-widest, high=widest)
        return CorpusDifference(*values, whole, 1.0, 1)
    rng = np.random.default_rng(seed)
    effect = _interval(left, right, value, observed, widest, resamples, rng)
    p = _exchanged(left, right, value, observed, resamples, rng)
    return CorpusDifference(*values, effect, p, len(left))


def group_sums(rows: Rows, groups: Sequence[str]) -> "Floats":
    """Sums of the items of each group: (groups, figures), groups in the order of their names."""
    import numpy as np

    _, place = np.unique(np.asarray(groups), return_inverse=True)
    table = np.asarray(rows, dtype=np.float64)
    sums = np.zeros((int(place.max()) + 1, table.shape[1]))
    np.add.at(sums, place, table)
    return sums


def _interval(
    left: "Floats",
    right: "Floats",
    value: Value,
    observed: float,
    widest: float,
    resamples: int,
    rng: "Generator",
) -> Interval:
    import numpy as np

    groups = len(left)
    drawn = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, groups, groups), minlength=groups)
        drawn.append(value(times @ left) - value(times @ right))
    found = np.array(drawn)[~np.isnan(drawn)]
    if len(found) < (1 - _UNDEFINED) * resamples:
        return Interval(mean=observed, low=-widest, high=widest)
    if np.ptp(found) < TINY:
        slack = wilson(0, groups).high * widest
        return Interval(mean=observed, low=observed - slack, high=observed + slack)
    cut = tail(groups)
    low, high = np.quantile(found, [cut, 1 - cut])
    return Interval(mean=observed, low=float(low), high=float(high))


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

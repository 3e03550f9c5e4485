"""Metrics that belong to a whole corpus (BLEU, chrF): resampled, never averaged by sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval
from kamerton.stats.groups import TINY, tail

if TYPE_CHECKING:
    from numpy import bool_, int64
    from numpy.random import Generator
    from numpy.typing import NDArray

    Arms = NDArray[bool_]
    Items = NDArray[int64]
    Metric = Callable[[Arms, Items], float]


@dataclass(frozen=True)
class CorpusDifference:
    """Two arms on one corpus metric."""

    arm: float
    against: float
    effect: Interval
    """Arm minus against, with the 95 % interval of the paired bootstrap over groups."""
    p: float
    """Two-sided, by approximate randomisation over groups."""


def corpus_difference(
    metric: "Metric", groups: Sequence[str], resamples: int = 1000, seed: int = 0
) -> CorpusDifference:
    """Compare two arms on a metric of the corpus.

    `metric(of_arm, items)` gives the score of a made-up corpus: for each place i, question
    `items[i]` (from 0, may come more than once) with the answer of the arm where `of_arm[i]`,
    else of the other one; both are (n,). A metric of summed statistics (BLEU) keeps them by
    question and sums those asked for.

    Interval: whole groups drawn with replacement, the same for both arms (Koehn 2004), tails
    widened for few groups (Hesterberg 2015). p: the two answers of whole groups are exchanged by
    chance (approximate randomisation, Riezler and Maxwell 2005), (hits + 1) / (resamples + 1).
    Fewer than two groups give an endless interval and p = 1.
    """
    import numpy as np

    if not len(groups):
        raise ValueError("at least one question")
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == group) for group in range(int(index.max()) + 1)]
    everything = np.arange(len(groups))
    arm, against = (metric(np.full(len(groups), which), everything) for which in (True, False))
    rng = np.random.default_rng(seed)
    effect = _interval(metric, members, arm - against, resamples, rng)
    p = _exchanged(metric, index, arm - against, resamples, rng) if len(members) > 1 else 1.0
    return CorpusDifference(arm, against, effect, p)


def _interval(
    metric: "Metric", members: "list[Items]", effect: float, resamples: int, rng: "Generator"
) -> Interval:
    import numpy as np

    if len(members) < 2:
        return Interval(mean=effect, low=-np.inf, high=np.inf)
    found = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(members), len(members))
        items = np.concatenate([members[group] for group in drawn])
        found.append(
            metric(np.full(len(items), True), items) - metric(np.full(len(items), False), items)
        )
    cut = tail(len(members))
    low, high = np.quantile(found, [cut, 1 - cut])
    return Interval(mean=effect, low=float(low), high=float(high))


def _exchanged(
    metric: "Metric", index: "Items", effect: float, resamples: int, rng: "Generator"
) -> float:
    import numpy as np

    everything, hits = np.arange(len(index)), 0
    for _ in range(resamples):
        kept = rng.random(int(index.max()) + 1) < 0.5
        of_arm = kept[index]
        other = metric(of_arm, everything) - metric(~of_arm, everything)
        hits += abs(other) >= abs(effect) - TINY
    return (hits + 1) / (resamples + 1)

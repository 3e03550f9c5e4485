"""The two workhorses: a permutation test and a bootstrap interval over whole groups."""

from collections.abc import Sequence

from kamerton.formats.scores import Interval
from kamerton.stats.groups import TINY, by_group, chunks, resampled, tail
from kamerton.stats.proportions import wilson


def sign_flip(
    differences: Sequence[float], groups: Sequence[str], resamples: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p of the paired sign-flip permutation test, whole groups flipped at once.

    If the two arms are exchangeable within each group, the sum of a group's differences is as
    likely with either sign. All sign patterns are counted where there are at most `resamples` of
    them; else that many are drawn, and (hits + 1) / (resamples + 1) is a valid p (Phipson and
    Smyth 2010).
    """
    import numpy as np

    sums, _ = by_group(differences, groups)
    sums = sums[np.abs(sums) > TINY]
    if not len(sums):
        return 1.0
    observed = abs(float(sums.sum())) - TINY
    if 2 ** len(sums) <= resamples:
        patterns = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ sums) >= observed))
    rng = np.random.default_rng(seed)
    hits = sum(
        int(np.sum(np.abs(rng.choice((-1.0, 1.0), (rows, len(sums))) @ sums) >= observed))
        for rows in chunks(resamples, len(sums))
    )
    return (hits + 1) / (resamples + 1)


def bootstrap(
    values: Sequence[float],
    groups: Sequence[str],
    bounds: tuple[float, float],
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Mean of `values` and its 95 % interval; whole groups are drawn again and again.

    The percentile interval is too narrow when groups are few; its tails are widened to those of
    Student's t with the bootstrap's bias corrected ("expanded percentile interval", Hesterberg
    2015, The American Statistician 69:4). Where all groups agree, no resample differs and the
    bootstrap would claim certainty: Wilson's bound for 0 of that many groups is taken instead.
    `bounds` are the least and the largest value possible; one group alone shows nothing else.
    """
    import numpy as np

    sums, counts = by_group(values, groups)
    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1])
    if np.ptp(sums / counts) < TINY:
        slack = wilson(0, len(sums)).high
        return Interval(
            mean=mean, low=max(bounds[0], mean - slack), high=min(bounds[1], mean + slack)
        )
    cut = tail(len(sums))
    low, high = np.quantile(resampled(sums, counts, resamples, seed), [cut, 1 - cut])
    return Interval(mean=mean, low=float(low), high=float(high))

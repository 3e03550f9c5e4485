"""The paired statistics that verdicts rest on, with the group (exhibit, document) as the unit.

Questions about one exhibit hang together, so counting them as independent finds effects that are
not there. Everything here takes one value and one group name for each question, except McNemar's
test, which is shown beside and marked. numpy and scipy are loaded when a figure is asked for.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval, Verdict

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Integers = NDArray[int64]

LEVEL = 0.95
_TINY = 1e-9
_CHUNK = 2_000_000


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

    sums, _ = _by_group(differences, groups)
    sums = sums[np.abs(sums) > _TINY]
    if not len(sums):
        return 1.0
    observed = abs(float(sums.sum())) - _TINY
    if 2 ** len(sums) <= resamples:
        patterns = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ sums) >= observed))
    rng = np.random.default_rng(seed)
    hits = sum(
        int(np.sum(np.abs(rng.choice((-1.0, 1.0), (rows, len(sums))) @ sums) >= observed))
        for rows in _chunks(resamples, len(sums))
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

    sums, counts = _by_group(values, groups)
    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1])
    if np.ptp(sums / counts) < _TINY:
        slack = wilson(0, len(sums)).high
        return Interval(
            mean=mean, low=max(bounds[0], mean - slack), high=min(bounds[1], mean + slack)
        )
    tail = _tail(len(sums))
    low, high = np.quantile(_resampled(sums, counts, resamples, seed), [tail, 1 - tail])
    return Interval(mean=mean, low=float(low), high=float(high))


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided McNemar test over the questions that differ, taken as independent."""
    from scipy.stats import binomtest

    discordant = better + worse
    return float(binomtest(better, discordant).pvalue) if discordant else 1.0


def wilson(successes: int, total: int, level: float = LEVEL) -> Interval:
    """Wilson's interval of a share, which keeps its level where questions are few."""
    from scipy.stats import binomtest

    found = binomtest(successes, total).proportion_ci(level, method="wilson")
    return Interval(mean=successes / total, low=float(found.low), high=float(found.high))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p values of one family, in the order given."""
    adjusted = [0.0] * len(ps)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = running
    return adjusted


def detectable(
    groups: int,
    per_group: float,
    alpha: float = 0.05,
    power: float = 0.8,
    discordance: float = 0.5,
    correlation: float = 0.2,
) -> float:
    """Smallest true difference of two shares that the paired, clustered design finds.

    For `groups` (G) groups of `per_group` (m) questions, before anything is asked:

        k = (t[1 - alpha/2, G - 1] + t[power, G - 1]) * sqrt((1 + (m - 1) * rho) / (G * m))
        d = k * sqrt(psi - d ** 2), so d = k * sqrt(psi / (1 + k ** 2))

    `psi - d ** 2` is the variance of a paired difference of right and wrong (Connor 1987,
    Biometrics 43:207); `1 + (m - 1) * rho` is Kish's design effect (Donner and Klar 2000);
    t for the few groups. Assumed: psi (`discordance`), the share of questions that only one of the
    arms gets right, and rho (`correlation`) of the differences within a group. psi cannot be less
    than d, which matters for tiny designs. 1.0 means that the design can show nothing.
    """
    from scipy.stats import t

    if groups < 2:
        return 1.0
    quantiles = float(t.ppf(1 - alpha / 2, groups - 1) + t.ppf(power, groups - 1))
    squared = quantiles**2 * (1 + (per_group - 1) * correlation) / (groups * per_group)
    share = squared / (1 + squared)
    return max(float((share * discordance) ** 0.5), share)


def verdict(effect: Interval, p_holm: float, alpha: float, margin: float) -> Verdict:
    """Say what may be claimed of one hypothesis.

    A direction needs both the corrected p and the interval on its side: with few groups either
    alone says too much. A direction goes before "equivalent", which needs the whole interval
    within the margin.
    """
    proved = p_holm <= alpha
    if proved and effect.low > 0:
        return "better"
    if proved and effect.high < 0:
        return "worse"
    if -margin < effect.low and effect.high < margin:
        return "equivalent"
    return "not enough evidence"


def _by_group(values: Sequence[float], groups: Sequence[str]) -> "tuple[Floats, Integers]":
    """Sum and count of the values of each group, in the order of the groups' names."""
    import numpy as np

    if len(values) != len(groups) or not values:
        raise ValueError("one value and one group for each question, and at least one question")
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(index, weights=np.asarray(values, dtype=float)).astype(np.float64)
    return sums, np.bincount(index).astype(np.int64)


def _resampled(sums: "Floats", counts: "Integers", resamples: int, seed: int) -> "Floats":
    """Means over groups drawn with replacement, one for each resample."""
    import numpy as np

    rng = np.random.default_rng(seed)
    means = []
    for rows in _chunks(resamples, len(sums)):
        drawn = rng.integers(0, len(sums), (rows, len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def _tail(groups: int) -> float:
    """Share cut off at each end, so that a normal mean of few groups is covered at LEVEL."""
    from scipy.stats import norm, t

    wide = (groups / (groups - 1)) ** 0.5 * t.ppf(0.5 + LEVEL / 2, groups - 1)
    return float(norm.cdf(-wide))


def _chunks(resamples: int, width: int) -> Iterator[int]:
    """Numbers of rows that add up to `resamples` and keep a matrix of that width small."""
    rows = max(1, _CHUNK // width)
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)

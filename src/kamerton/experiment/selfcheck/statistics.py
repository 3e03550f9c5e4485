"""Known truth of the statistics: formulas written out, scipy, and their rates by simulation."""

from collections.abc import Callable, Iterator, Sequence
from math import comb, sqrt
from typing import Any

from kamerton import stats
from kamerton.experiment.selfcheck.comparison import (
    Comparison,
    Setting,
    Tell,
    farthest,
    small,
    within,
)
from kamerton.formats.scores import Interval

GROUPS, EACH = 30, 4
RUNS, MANY = 200, 2000
"""Simulated experiments; MANY where everything is checked."""
RESAMPLES = 1000
ALPHA = 0.05
LUCK = 0.0005
"""Chance, on either side, that a right method misses its bounds by bad luck of the simulation."""
OWN = 0.01
"""What a resampling interval may be off by itself: it is no exact one (Hesterberg 2015)."""


def check_formulas(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """McNemar, Wilson, Holm and the sign flips, by arithmetic and by scipy."""
    from scipy.stats import binomtest

    pairs = [(b, c) for b in range(15) for c in range(15)]
    ours = [stats.mcnemar(b, c) for b, c in pairs]
    yield small("mcnemar", farthest(ours, [_mcnemar(b, c) for b, c in pairs]), 1e-12, "McNemar")
    theirs = [float(binomtest(min(b, c), b + c).pvalue) if b + c else 1.0 for b, c in pairs]
    yield small("mcnemar_scipy", farthest(ours, theirs), 1e-12, "scipy")
    counts = [(x, n) for n in (1, 5, 20, 164, 1319) for x in sorted({0, 1, n // 3, n})]
    found = [end for x, n in counts for end in _ends(stats.wilson(x, n))]
    wanted = [end for x, n in counts for end in _wilson(x, n)]
    yield small("wilson", farthest(found, wanted), 1e-9, "Wilson 1927")
    intervals = [binomtest(x, n).proportion_ci(method="wilson") for x, n in counts]
    library = [end for one in intervals for end in _ends(one)]
    yield small("wilson_scipy", farthest(found, library), 1e-12, "scipy")
    ps = stats.holm([0.01, 0.04, 0.03, 0.005])
    yield small("holm", farthest(ps, [0.03, 0.06, 0.06, 0.02]), 1e-12, "Holm 1979")
    yield small("sign_flip", _sign_flips(), 1e-12, "scipy.stats.permutation_test")
    tell(1)


def check_rates(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """How often intervals hold the truth, and how often tests cry wolf."""
    n = 50
    shares = [step / 200 for step in range(1, 200)]
    intervals = [stats.wilson(x, n) for x in range(n + 1)]
    covered = sum(_covered(intervals, share) for share in shares) / len(shares)
    yield within("wilson_coverage", covered, 0.94, 0.96, "Agresti and Coull 1998")
    yield within("mcnemar_alarms", _alarms(n), 0.0, ALPHA, "McNemar")
    tell(1)
    runs = MANY if setting.everything else RUNS
    low, high = _bounds(1 - ALPHA, runs)
    detail = f"{runs} x {GROUPS} x {EACH}"
    names = [str(group) for group in range(GROUPS) for _ in range(EACH)]
    methods: dict[str, Callable[..., Interval]] = {"bootstrap": stats.bootstrap, "bca": stats.bca}
    for name, method in methods.items():
        truth, held = 0.1, 0
        for run, values in enumerate(_experiments(1, truth, runs)):
            found = method(values, names, (-2.0, 2.0), RESAMPLES, run)
            held += found.low <= truth <= found.high
            tell(1)
        most = min(1.0, high + OWN)
        yield within(f"{name}_coverage", held / runs, low - OWN, most, "Hesterberg 2015", detail)
    alarms = 0
    for run, values in enumerate(_experiments(2, 0.0, runs)):
        alarms += stats.sign_flip(values, names, RESAMPLES, run) <= ALPHA
        tell(1)
    _, most = _bounds(ALPHA, runs)
    yield within("sign_flip_alarms", alarms / runs, 0.0, most, "Phipson and Smyth 2010", detail)


def units(setting: Setting) -> int:
    """Steps of `check_rates`."""
    return 1 + 3 * (MANY if setting.everything else RUNS)


def _mcnemar(b: int, c: int) -> float:
    """Two-sided exact p: all outcomes of a fair coin that are no likelier than this one."""
    n = b + c
    ways = sum(comb(n, k) for k in range(n + 1) if comb(n, k) <= comb(n, b))
    return float(ways / 2**n)


def _wilson(successes: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054  # the normal quantile of 0.975
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _ends(interval: Any) -> tuple[float, float]:
    return float(interval.low), float(interval.high)


def _sign_flips() -> float:
    """Largest distance from scipy's exact permutation test, over a few rows of 10 differences."""
    import numpy as np
    from scipy.stats import permutation_test

    rng = np.random.default_rng(0)
    away = []
    for shift in (0.0, 0.5, 1.0):
        row = rng.normal(shift, 1, 10)
        theirs = permutation_test(
            (row, np.zeros(10)), lambda x, y: (x - y).mean(), permutation_type="samples"
        )
        ours = stats.sign_flip([float(x) for x in row], [str(place) for place in range(10)])
        away.append(abs(ours - float(theirs.pvalue)))
    return max(away)


def _chance(successes: int, n: int, share: float) -> float:
    """Of so many successes in n draws."""
    return float(comb(n, successes) * share**successes * (1 - share) ** (n - successes))


def _covered(intervals: Sequence[Interval], share: float) -> float:
    """Exact chance that the interval of n draws, one for each count, holds the true share."""
    n = len(intervals) - 1
    held = [x for x, found in enumerate(intervals) if found.low <= share <= found.high]
    return sum(_chance(x, n, share) for x in held)


def _alarms(n: int) -> float:
    """Largest chance that McNemar's exact test of equal arms has p <= ALPHA; n questions: exact."""
    of_discordant: list[float] = [
        sum(comb(m, b) / 2**m for b in range(m + 1) if stats.mcnemar(b, m - b) <= ALPHA)
        for m in range(n + 1)
    ]
    rates = [rate / 20 for rate in range(1, 20)]
    return max(
        sum(_chance(m, n, rate) * alarm for m, alarm in enumerate(of_discordant)) for rate in rates
    )


def _bounds(rate: float, runs: int) -> tuple[float, float]:
    """Where the share of hits of so many runs lies, but for bad luck."""
    from scipy.stats import binom

    low, high = binom.ppf([LUCK, 1 - LUCK], runs, rate)
    return float(low) / runs, float(high) / runs


def _experiments(seed: int, mean: float, runs: int) -> Iterator[list[float]]:
    """Differences in -1, 0, 1 of GROUPS groups of EACH, moved; those of a group are correlated."""
    import numpy as np

    rng = np.random.default_rng(seed)
    for _ in range(runs):
        tendency = np.repeat(rng.normal(0, 0.5, GROUPS), EACH)
        drawn = tendency + rng.normal(0, 1, GROUPS * EACH)
        yield [float(x) + mean for x in np.clip(np.round(drawn), -1, 1)]

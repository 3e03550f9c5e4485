"""Known truth of the statistics: formulas written out, scipy, and their rates by simulation."""

from collections.abc import Callable, Iterator
from functools import cache
from math import comb, sqrt
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from numpy import float64
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[float64]

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
    pairs = [(b, c) for b in range(15) for c in range(15)]
    ours = [stats.mcnemar(b, c) for b, c in pairs]
    yield small("mcnemar", farthest(ours, [_mcnemar(b, c) for b, c in pairs]), 1e-12, "McNemar")
    yield small("mcnemar_scipy", farthest(ours, [_binomtest(*p) for p in pairs]), 1e-12, "scipy")
    counts = [(x, n) for n in (1, 5, 20, 164, 1319) for x in sorted({0, 1, n // 3, n})]
    found = [end for x, n in counts for end in _ends(stats.wilson(x, n))]
    wanted = [end for x, n in counts for end in _wilson(x, n)]
    yield small("wilson", farthest(found, wanted), 1e-9, "Wilson 1927")
    library = [end for x, n in counts for end in _proportion(x, n)]
    yield small("wilson_scipy", farthest(found, library), 1e-12, "scipy")
    ps = stats.holm([0.01, 0.04, 0.03, 0.005])
    yield small("holm", farthest(ps, [0.03, 0.06, 0.06, 0.02]), 1e-12, "Holm 1979")
    yield small("sign_flip", _sign_flips(), 1e-12, "scipy.stats.permutation_test")
    tell(1)


def check_rates(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """How often intervals hold the truth, and how often tests cry wolf."""
    n = 50
    shares = [step / 200 for step in range(1, 200)]
    covered = sum(_covered(n, share) for share in shares) / len(shares)
    yield within("wilson_coverage", covered, 0.94, 0.96, "Agresti and Coull 1998")
    worst = max(_alarms(n, rate / 20) for rate in range(1, 20))
    yield within("mcnemar_alarms", worst, 0.0, ALPHA, "McNemar")
    tell(1)
    runs = MANY if setting.everything else RUNS
    low, high = _bounds(1 - ALPHA, runs)
    detail = f"{runs} x {GROUPS} x {EACH}"
    methods: dict[str, Callable[..., Interval]] = {"bootstrap": stats.bootstrap, "bca": stats.bca}
    for name, method in methods.items():
        rate = _coverage(method, runs, tell)
        yield within(
            f"{name}_coverage", rate, low - OWN, min(1.0, high + OWN), "Hesterberg 2015", detail
        )
    rate = _false_alarms(runs, tell)
    _, most = _bounds(ALPHA, runs)
    yield within("sign_flip_alarms", rate, 0.0, most, "Phipson and Smyth 2010", detail)


def units(setting: Setting) -> int:
    """Steps of `check_rates`."""
    return 1 + 3 * (MANY if setting.everything else RUNS)


@cache
def _p(b: int, c: int) -> float:
    return stats.mcnemar(b, c)


def _mcnemar(b: int, c: int) -> float:
    """Two-sided exact p: all outcomes of a fair coin that are no likelier than this one."""
    n = b + c
    ways = sum(comb(n, k) for k in range(n + 1) if comb(n, k) <= comb(n, b))
    return float(ways / 2**n)


def _binomtest(b: int, c: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(min(b, c), b + c).pvalue) if b + c else 1.0


def _wilson(successes: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054  # the normal quantile of 0.975
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _ends(found: Interval) -> tuple[float, float]:
    return found.low, found.high


def _proportion(successes: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


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


def _covered(n: int, share: float) -> float:
    """Chance that Wilson's interval of n draws holds the true share: exact, no simulation."""
    held = (x for x in range(n + 1) if _holds(x, n, share))
    return sum(comb(n, x) * share**x * (1 - share) ** (n - x) for x in held)


def _holds(successes: int, n: int, share: float) -> bool:
    low, high = _interval(successes, n)
    return low <= share <= high


@cache
def _interval(successes: int, n: int) -> tuple[float, float]:
    return _ends(stats.wilson(successes, n))


def _alarms(n: int, discordant: float) -> float:
    """Chance that McNemar's exact test of equal arms has p <= ALPHA; n questions: exact."""
    total = 0.0
    for m in range(n + 1):
        weight = comb(n, m) * discordant**m * (1 - discordant) ** (n - m)
        total += weight * sum(comb(m, b) / 2**m for b in range(m + 1) if _p(b, m - b) <= ALPHA)
    return total


def _bounds(rate: float, runs: int) -> tuple[float, float]:
    """Where the share of hits of so many runs lies, but for bad luck."""
    from scipy.stats import binom

    low, high = binom.ppf([LUCK, 1 - LUCK], runs, rate)
    return float(low) / runs, float(high) / runs


def _names() -> list[str]:
    return [str(group) for group in range(GROUPS) for _ in range(EACH)]


def _differences(rng: "Generator", mean: float) -> "Floats":
    """Differences in -1, 0, 1 of GROUPS groups of EACH; those of a group hang together."""
    import numpy as np

    tendency = np.repeat(rng.normal(0, 0.5, GROUPS), EACH)
    drawn = tendency + rng.normal(0, 1, GROUPS * EACH)
    return np.clip(np.round(drawn), -1, 1).astype(np.float64) + mean


def _coverage(method: Callable[..., Interval], runs: int, tell: Tell) -> float:
    import numpy as np

    rng, names, held, truth = np.random.default_rng(1), _names(), 0, 0.1
    for run in range(runs):
        values = [float(x) for x in _differences(rng, truth)]
        found = method(values, names, (-2.0, 2.0), RESAMPLES, run)
        held += found.low <= truth <= found.high
        tell(1)
    return held / runs


def _false_alarms(runs: int, tell: Tell) -> float:
    import numpy as np

    rng, names, alarms = np.random.default_rng(2), _names(), 0
    for run in range(runs):
        values = [float(x) for x in _differences(rng, 0.0)]
        alarms += stats.sign_flip(values, names, RESAMPLES, run) <= ALPHA
        tell(1)
    return alarms / runs

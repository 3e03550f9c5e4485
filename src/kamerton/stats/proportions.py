"""Counted shares: Wilson's interval, and McNemar's tests of pairs of right and wrong.

The questions are taken as independent here. Where several ask about one exhibit, the tests of
`paired` are the honest ones, and these are shown beside them.
"""

from kamerton.formats.scores import Interval
from kamerton.stats.groups import LEVEL


def wilson(successes: int, total: int, level: float = LEVEL) -> Interval:
    """Wilson's interval of a share, which keeps its level where questions are few (Wilson 1927)."""
    from scipy.stats import binomtest

    found = binomtest(successes, total).proportion_ci(level, method="wilson")
    return Interval(mean=successes / total, low=float(found.low), high=float(found.high))


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided McNemar test over the questions that differ, taken as independent."""
    from scipy.stats import binomtest

    discordant = better + worse
    return float(binomtest(better, discordant).pvalue) if discordant else 1.0


def mcnemar_mid_p(better: int, worse: int) -> float:
    """McNemar's mid-p test: the exact p less half the chance of just this outcome.

    Nearer to its level than the exact test, which is too careful where few questions differ
    (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91). It may exceed
    its level by a little; a verdict rests on the exact or the permutation test.
    """
    from scipy.stats import binom

    discordant = better + worse
    if better == worse:
        return 1.0 - 0.5 * float(binom.pmf(better, discordant, 0.5)) if discordant else 1.0
    least = min(better, worse)
    return float(2 * binom.cdf(least, discordant, 0.5) - binom.pmf(least, discordant, 0.5))

"""pass@k: the chance that at least one of k samples passes, without bias.

Chen et al. 2021 (arXiv 2107.03374), equation 1: for n samples of a task of which c pass,

    pass@k = 1 - C(n - c, k) / C(n, k)

computed in whole numbers, so it is exact but for one rounding. (1 - (1 - c/n)^k is biased.)
"""

from collections.abc import Sequence
from fractions import Fraction
from math import comb

from kamerton.experiment.scorers.scored import Scored, mean
from kamerton.formats.errors import InputError


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """pass@k of one task with `samples` (n) samples of which `passed` (c) pass.

    Raises InputError where k is not in 1..n (there is no unbiased estimate), and ValueError where
    c is not in 0..n.
    """
    if not 0 <= passed <= samples:
        raise ValueError("passed: between 0 and samples")
    if not 1 <= k <= samples:
        raise InputError("experiment.scorer_k", k=k, samples=samples)
    return float(1 - Fraction(comb(samples - passed, k), comb(samples, k)))


def score_pass_at_k(passed: Sequence[Sequence[bool]], k: int) -> Scored:
    """pass@k of each task and their mean. [tasks][samples], tasks may differ in samples.

    Tasks, not samples, are the unit of any test on the items.
    """
    if not passed:
        raise InputError("experiment.scorer_no_answers")
    items = tuple(pass_at_k(len(one), sum(map(bool, one)), k) for one in passed)
    counts = sorted({len(one) for one in passed})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"
    return Scored(items, mean(items), f"pass@{k}|unbiased|n:{n}|tasks:{len(passed)}")

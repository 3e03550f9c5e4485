"""pass@k: the chance that at least one of k samples passes, without bias.

Chen et al. 2021 (arXiv 2107.03374), equation 1: for n samples of a task of which c pass,

    pass@k = 1 - C(n - c, k) / C(n, k)

computed in whole numbers, so it is exact but for one rounding. (1 - (1 - c/n)^k is biased.)
"""

from collections.abc import Sequence
from fractions import Fraction
from math import comb

from kamerton import stats
from kamerton.experiment.scorers.scored import Scored, mean
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.scores import Interval

KS = (1, 10, 100)
"""The k that are shown where there are as many samples (Chen et al. 2021)."""


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


def pass_at(
    passed: Sequence[Sequence[bool]], ids: Sequence[str], ks: Sequence[int], seed: int
) -> dict[int, Interval]:
    """pass@k for each k, mean over tasks, with its 95 % interval over tasks."""
    return {
        k: stats.interval([pass_at_k(len(one), sum(one), k) for one in passed], ids, seed=seed)
        for k in ks
    }


def pass_at_lines(rates: dict[int, Interval]) -> list[str]:
    """What a person reads of them, one k a line."""
    lines = []
    for k, rate in rates.items():
        mean, low, high = (f"{100 * end:.2f}" for end in (rate.mean, rate.low, rate.high))
        value = say("experiment.grade_value", value=f"{mean} %", low=low, high=high)
        lines.append(f"pass@{k}: {value}; {say(f'experiment.interval_{rate.kind}')}")
    return lines


def insist_on_samples(ks: Sequence[int], fewest: int) -> tuple[int, ...]:
    """The wanted k in order; InputError for one that is above the fewest samples of a task."""
    for k in ks:
        if not 1 <= k <= fewest:
            raise InputError("experiment.scorer_k", where="--k", k=k, samples=fewest)
    return tuple(sorted(set(ks)))

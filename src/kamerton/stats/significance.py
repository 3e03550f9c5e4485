"""p values of paired scores, and their correction within a family of hypotheses."""

from collections.abc import Sequence

from kamerton.stats.intervals import RESAMPLES, TINY, by_group, chunks


def sign_flip(
    differences: Sequence[float], groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
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


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided McNemar test over the questions that differ, taken as independent.

    Where several questions are about one exhibit, `sign_flip` is the honest test, and this one is
    shown beside it.
    """
    from scipy.stats import binomtest

    discordant = better + worse
    return float(binomtest(better, discordant).pvalue) if discordant else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p values of one family, in the order given."""
    adjusted = [0.0] * len(ps)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = running
    return adjusted

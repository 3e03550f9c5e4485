"""The interval of one arm's value: what a figure that stands alone may claim.

Differences between arms are tested by `paired` and by `kamerton.stats`, never by comparing two of
these.
"""

from collections.abc import Sequence

from kamerton import stats
from kamerton.experiment.scorers.scored import Additive, Answers, References, Scored, Scorer
from kamerton.formats.scores import Interval
from kamerton.stats.corpus import group_sums
from kamerton.stats.groups import tail

RESAMPLES = 2000


def interval(
    scorer: Scorer,
    scored: Scored,
    answers: Answers,
    references: References,
    groups: Sequence[str],
    seed: int = 0,
) -> tuple[Interval, str] | None:
    """The corpus value with its 95 % interval, and the name of the method.

    Shares of independent questions get Wilson's; other means a bootstrap over groups; values of a
    whole corpus (BLEU) a bootstrap of the corpus over groups. None where the measure applies to no
    answer. One group alone shows nothing: the whole range.
    """
    if scorer.additive is not None:
        rows = scorer.additive.rows(answers, references)
        return _corpus(scorer, scorer.additive, rows, groups, seed), "corpus bootstrap"
    kept = [(v, g) for v, g in zip(scored.items, groups, strict=True) if v is not None]
    if not kept:
        return None
    values, names = [v for v, _ in kept], [g for _, g in kept]
    if set(values) <= {0.0, 1.0} and len(set(names)) == len(names):
        return stats.wilson(int(sum(values)), len(values)), "wilson"
    return stats.bootstrap(values, names, scorer.bounds, seed=seed), "bootstrap"


def _corpus(
    scorer: Scorer,
    additive: Additive,
    rows: Sequence[Sequence[float]],
    groups: Sequence[str],
    seed: int,
) -> Interval:
    """Groups drawn with replacement, their sums added, tails widened as in `stats.bootstrap`."""
    import numpy as np

    sums = group_sums(rows, groups)
    count = len(sums)
    whole = additive.value(sums.sum(axis=0))
    if count < 2:
        return Interval(mean=whole, low=scorer.bounds[0], high=scorer.bounds[1])
    rng = np.random.default_rng(seed)
    drawn = [
        additive.value(sums[rng.integers(0, count, count)].sum(axis=0)) for _ in range(RESAMPLES)
    ]
    cut = tail(count)
    low, high = np.nanquantile(drawn, [cut, 1 - cut])
    return Interval(mean=whole, low=float(low), high=float(high))

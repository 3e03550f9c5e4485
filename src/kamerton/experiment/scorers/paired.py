"""Whether a corpus metric differs between two arms, by resampling items that belong together.

A corpus metric is no mean, so tests of means do not apply (issue 5; Koehn 2004; Riezler and
Maxwell 2005). Whole groups (documents, exhibits) are drawn or swapped; without groups every item
is its own. Both arms are always resampled together.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kamerton import stats
from kamerton.experiment.scorers.bleu import streams
from kamerton.experiment.scorers.scored import Answers, References, Rows, Scorer, check
from kamerton.formats.scores import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Value = Callable[[Any], float]
"""Sums of items, a row of figures, to the corpus value."""
RESAMPLES = 2000
_TINY = 1e-9


@dataclass(frozen=True)
class Paired:
    """The outcome of one comparison."""

    arm: float
    against: float
    effect: Interval
    """Difference of the corpus values, arm minus against, with its 95 % interval."""
    p: float
    """Two-sided, by approximate randomisation."""
    groups: int
    signature: str


def compare(
    scorer: Scorer,
    arm: Answers,
    against: Answers,
    references: References,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two arms' answers to the same questions by a corpus metric.

    Raises ValueError for a scorer whose corpus value is a mean: `kamerton.stats` has the tests.
    """
    if scorer.additive is None:
        raise ValueError(f"{scorer.name} is a mean of items: use kamerton.stats")
    check(against, references)
    rows = scorer.additive.rows
    return compare_rows(
        rows(arm, references),
        rows(against, references),
        scorer.additive.value,
        scorer.bounds,
        groups,
        resamples,
        seed,
    )


def compare_rows(
    arm: Rows,
    against: Rows,
    value: Value,
    bounds: tuple[float, float],
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """The same from sums of items (`Additive`): bootstrap interval and randomisation p.

    The interval is the percentile one with tails widened to Student's t over the groups (Hesterberg
    2015), as in `kamerton.stats.bootstrap`. p = (hits + 1) / (resamples + 1) over random swaps of
    whole groups (Phipson and Smyth 2010). One group alone shows nothing: the whole range, p 1.
    """
    import numpy as np

    names = list(groups) if groups is not None else [str(place) for place in range(len(arm))]
    if not len(arm) == len(against) == len(names) or not names:
        raise ValueError("one row of each arm and one group for each item, and at least one item")
    left, right = _sums(arm, names), _sums(against, names)
    total = value(left.sum(axis=0)), value(right.sum(axis=0))
    observed = total[0] - total[1]
    rng = np.random.default_rng(seed)
    if len(left) < 2:
        widest = bounds[1] - bounds[0]
        effect, p = Interval(mean=observed, low=-widest, high=widest), 1.0
    else:
        effect = _interval(left, right, value, observed, bounds, resamples, rng)
        p = _randomised(left, right, value, observed, resamples, rng)
    signature = f"paired|bs+ar:{resamples}|seed:{seed}|groups:{len(left)}"
    return Paired(total[0], total[1], effect, p, len(left), signature)


def sacrebleu_paired(
    metric: Any,
    arm: Answers,
    against: Answers,
    references: References,
    test: Literal["bs", "ar"] = "ar",
    resamples: int = 0,
    seed: int = 12345,
) -> tuple[float, str]:
    """P and signature of sacrebleu's own PairedTest, for a `metric` of sacrebleu.

    Items are independent there, so it is the published figure beside ours, not the verdict.
    """
    from sacrebleu.significance import PairedTest

    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)  # the only door to its seed
    try:
        systems = [("against", list(against)), ("arm", list(arm))]
        run = PairedTest(systems, {"metric": metric}, streams(references), test, resamples)  # type: ignore[arg-type,unused-ignore]
        signatures, scores = run()
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
    name = next(key for key in scores if key != "System")
    found: Any = scores[name][1]
    return float(found.p_value), f"{name}|{signatures[name]}"


def _sums(rows: Rows, names: Sequence[str]) -> "Floats":
    """Sums of the items of each group, as [groups, figures]."""
    import numpy as np

    _, place = np.unique(np.asarray(names), return_inverse=True)
    table = np.asarray(rows, dtype=np.float64)
    sums = np.zeros((int(place.max()) + 1, table.shape[1]))
    np.add.at(sums, place, table)
    return sums


def _interval(
    left: "Floats",
    right: "Floats",
    value: Value,
    observed: float,
    bounds: tuple[float, float],
    resamples: int,
    rng: "np.random.Generator",
) -> Interval:
    """Where no resample differs (equal arms), Wilson's bound for 0 of that many groups."""
    import numpy as np
    from scipy.stats import norm, t

    groups = len(left)
    found = []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(0, groups, groups), minlength=groups)
        found.append(value(drawn @ left) - value(drawn @ right))
    if np.ptp(found) < _TINY:
        slack = stats.wilson(0, groups).high * (bounds[1] - bounds[0])
        return Interval(mean=observed, low=observed - slack, high=observed + slack)
    wide = math.sqrt(groups / (groups - 1)) * t.ppf(0.975, groups - 1)
    tail = float(norm.cdf(-wide))
    low, high = np.nanquantile(found, [tail, 1 - tail])
    return Interval(mean=observed, low=float(low), high=float(high))


def _randomised(
    left: "Floats",
    right: "Floats",
    value: Value,
    observed: float,
    resamples: int,
    rng: "np.random.Generator",
) -> float:
    hits = 0
    for _ in range(resamples):
        keep = rng.integers(0, 2, len(left))
        one = keep @ left + (1 - keep) @ right
        other = keep @ right + (1 - keep) @ left
        # Written so that a value that does not apply (NaN) counts against the difference.
        hits += not abs(value(one) - value(other)) < abs(observed) - _TINY
    return (hits + 1) / (resamples + 1)

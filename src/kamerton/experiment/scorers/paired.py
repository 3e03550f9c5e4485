"""Whether a corpus metric differs between two arms: a scorer's sums to `stats.corpus_difference`.

Whole groups (documents, exhibits) are drawn or exchanged; without groups every item is its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kamerton import stats
from kamerton.experiment.scorers.bleu import streams
from kamerton.experiment.scorers.scored import Answers, References, Scorer, check
from kamerton.stats.corpus import RESAMPLES


@dataclass(frozen=True)
class Paired:
    """The outcome of one comparison."""

    found: stats.CorpusDifference
    signature: str
    """How it was resampled, beside the scorer's own signature."""


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
    for answers in (arm, against):
        check(answers, references)
    left, right = (scorer.additive.rows(answers, references) for answers in (arm, against))
    names = list(groups) if groups is not None else [str(place) for place in range(len(left))]
    found = stats.corpus_difference(
        left, right, scorer.additive.value, scorer.bounds, names, resamples, seed
    )
    return Paired(found, f"paired|bs+ar:{resamples}|seed:{seed}|groups:{found.groups}")


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

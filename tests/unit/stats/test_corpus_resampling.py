"""Paired resampling of corpus metrics: sacrebleu's figures, and error rates by simulation."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from kamerton import stats

WORDS = ("the", "old", "ship", "sails", "past", "a", "quiet", "harbour", "under", "white", "clouds")


Rows = list[list[float]]


def ratio(sums: Any) -> float:
    """A metric of a corpus: matched over produced, as BLEU's parts are."""
    return float(sums[0] / sums[1])


def compared(
    arms: tuple[Rows, Rows], names: Sequence[str], resamples: int = 200, seed: int = 0
) -> stats.CorpusDifference:
    return stats.corpus_difference(
        stats.CorpusSums(*arms, ratio, (0.0, 1.0)), names, resamples, seed
    )


def rows(matched: Any, produced: Any) -> Rows:
    return [[float(m), float(p)] for m, p in zip(matched, produced, strict=True)]


def drawn(
    chance: np.random.Generator, groups: int, gain: float
) -> tuple[tuple[Rows, Rows], list[str]]:
    """Answers of two arms to 3 questions a group; the first has matches of `gain` more."""
    produced = chance.integers(5, 60, (2, 3 * groups))
    easy = np.repeat(chance.beta(8, 8, groups), 3)
    matched = chance.binomial(produced, np.clip(np.stack([easy, easy + gain]), 0, 1))
    names = [str(g) for g in range(groups) for _ in range(3)]
    return (rows(matched[1], produced[1]), rows(matched[0], produced[0])), names


def test_a_mean_by_question_is_not_taken() -> None:
    arms = rows([2, 0, 90], [10, 10, 100]), rows([1, 0, 5], [10, 10, 10])
    found = compared(arms, ["a", "b", "c"])
    assert found.arm == pytest.approx(92 / 120)
    assert found.against == pytest.approx(6 / 30)
    assert found.effect.mean == pytest.approx(92 / 120 - 6 / 30)


def test_few_groups_have_few_exchanges() -> None:
    arms = rows([9, 9, 9], [10, 10, 10]), rows([1, 1, 1], [10, 10, 10])
    found = compared(arms, ["a", "b", "c"], 2000)
    # 2 of the 8 exchanges are as far apart as what was seen.
    assert (found.p, found.groups) == (pytest.approx(0.25, abs=0.03), 3)
    alone = compared(arms, ["a", "a", "a"], 50)
    assert (alone.p, alone.effect.low, alone.effect.high) == (1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        compared(([], []), [])
    with pytest.raises(ValueError, match="one row of each arm"):
        compared((arms[0][:2], arms[1]), ["a", "b", "c"])


def test_equal_arms_claim_no_certainty() -> None:
    one = rows([3, 5, 8, 2], [10, 10, 10, 10])
    found = compared((one, one), list("abcd"))
    slack = stats.wilson(0, 4).high
    assert (found.p, found.effect.low, found.effect.high) == (1.0, -slack, slack)


def test_a_metric_that_most_resamples_lack_has_no_interval() -> None:
    """Only one group has anything to count: without it there is no ratio."""
    arms = rows([4, 0, 0], [10, 0, 0]), rows([5, 0, 0], [10, 0, 0])
    with np.errstate(invalid="ignore"):
        found = compared(arms, list("abc"))
    assert found.effect.mean == pytest.approx(-0.1)
    assert (found.effect.low, found.effect.high) == (-1.0, 1.0)


def rates(trials: int) -> tuple[float, float]:
    """False alarms of the test at 0.05, and coverage of the interval, with 30 groups."""
    chance = np.random.default_rng(9)
    alarms = covered = 0
    for trial in range(trials):
        same, names = drawn(chance, 30, 0.0)
        alarms += compared(same, names, 199, trial).p <= 0.05
        gained, names = drawn(chance, 30, 0.03)
        effect = compared(gained, names, 199, trial).effect
        covered += effect.low <= 0.03 <= effect.high
    return alarms / trials, covered / trials


def test_coverage_and_false_alarms_by_simulation() -> None:
    alarms, covered = rates(100)
    assert alarms <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    assert covered >= 0.94 - 3 * (0.05 * 0.95 / 100) ** 0.5


@pytest.mark.long
def test_coverage_and_false_alarms_in_many_runs() -> None:
    alarms, covered = rates(1500)
    assert alarms == pytest.approx(0.05, abs=0.017)
    assert 0.93 <= covered <= 0.98


def made_up(rng: random.Random, noise: float, reference: Sequence[str]) -> list[str]:
    return [
        " ".join(rng.choice(WORDS) if rng.random() < noise else w for w in line.split())
        for line in reference
    ]


def test_bleu_as_sacrebleu_resamples_it() -> None:
    bleu = pytest.importorskip("sacrebleu.metrics").BLEU
    paired = pytest.importorskip("sacrebleu.significance").PairedTest
    rng = random.Random(3)
    reference = [" ".join(rng.choices(WORDS, k=rng.randint(8, 20))) for _ in range(80)]
    systems = [made_up(rng, noise, reference) for noise in (0.22, 0.19)]
    metric = bleu(effective_order=False)
    base, tuned = (metric._extract_corpus_statistics(s, [reference]) for s in systems)

    def score(sums: Any) -> float:
        return float(metric._compute_score_from_stats([int(n) for n in sums]).score)

    items = [str(i) for i in range(80)]
    sums = stats.CorpusSums(tuned, base, score, (0.0, 100.0))
    found = stats.corpus_difference(sums, items, 1500, seed=1)
    names = [("base", systems[0]), ("tuned", systems[1])]
    exchanged = paired(names, {"BLEU": bleu(references=[reference])}, None, "ar", 2000)()[1]["BLEU"]
    drawn_ = paired(names, {"BLEU": bleu(references=[reference])}, None, "bs", 1500)()[1]["BLEU"]
    assert found.against == pytest.approx(exchanged[0].score, abs=1e-9)
    assert found.arm == pytest.approx(exchanged[1].score, abs=1e-9)
    assert found.p == pytest.approx(exchanged[1].p_value, abs=0.04)
    # Without a group to a question the spread is Koehn's: sacrebleu's bootstrap tests the same.
    assert (found.effect.low > 0) == (drawn_[1].p_value < 0.05)

"""Paired resampling of corpus metrics: known differences, none, groups, sacrebleu's own test."""

import random
from typing import Any

import pytest

pytest.importorskip("sacrebleu")

from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.paired import compare, sacrebleu_paired

WORDS = [
    "идол",
    "дама",
    "музей",
    "бронза",
    "камень",
    "крест",
    "Кипр",
    "Помос",
    "век",
    "холм",
    "глина",
    "рука",
]


def _arms(items: int = 40, spoiled: float = 0.5, seed: int = 1) -> Any:
    rng = random.Random(seed)
    references = [[" ".join(rng.choices(WORDS, k=10))] for _ in range(items)]

    def noisy(rate: Any) -> Any:
        return [
            " ".join(rng.choice(WORDS) if rng.random() < rate else w for w in one[0].split())
            for one in references
        ]

    return noisy(0.2), noisy(spoiled), references


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_a_planted_difference_is_found(name: Any) -> None:
    better, worse, references = _arms()
    found = compare(SCORERS[name], better, worse, references, resamples=300).found
    assert found.arm == pytest.approx(SCORERS[name].score(better, references).corpus, abs=1e-9)
    assert found.effect.mean == pytest.approx(found.arm - found.against)
    assert found.effect.low > 0 and found.p < 0.01
    turned = compare(SCORERS[name], worse, better, references, resamples=300).found
    assert turned.effect.mean == pytest.approx(-found.effect.mean)


def test_equal_arms_are_not_told_apart_and_claim_no_certainty() -> None:
    one, _, references = _arms()
    found = compare(SCORERS["bleu"], one, one, references, resamples=100).found
    assert found.p == 1.0 and found.effect.low < 0 < found.effect.high


def test_groups_are_the_unit() -> None:
    better, worse, references = _arms(items=8)
    copies = [x for x in better for _ in range(10)], [x for x in worse for _ in range(10)]
    wanted = [x for x in references for _ in range(10)]
    names = [str(n // 10) for n in range(80)]
    naive = compare(SCORERS["chrf"], *copies, wanted, resamples=200).found
    told = compare(SCORERS["chrf"], *copies, wanted, names, resamples=200)
    clustered = told.found
    wide, narrow = (f.effect.high - f.effect.low for f in (clustered, naive))
    assert clustered.groups == 8 and wide > 2 * narrow
    assert told.signature == "paired|bs+ar:200|seed:0|groups:8"
    alone = compare(SCORERS["chrf"], *copies, wanted, ["all"] * 80, resamples=200).found
    assert alone.p == 1.0 and alone.effect.low <= -100


def test_agrees_with_sacrebleus_own_test() -> None:
    from sacrebleu.metrics.bleu import BLEU

    better, worse, references = _arms(spoiled=0.28, seed=3)
    theirs, signature = sacrebleu_paired(BLEU(), better, worse, references, "ar", 1000)
    ours = compare(SCORERS["bleu"], better, worse, references, resamples=1000).found
    assert ours.p == pytest.approx(theirs, abs=0.06)
    assert "ar:1000" in signature


def test_a_mean_is_not_resampled_here() -> None:
    with pytest.raises(ValueError, match="rouge1"):
        compare(SCORERS["rouge1"], ["a"], ["a"], [["a"]])

"""The verdict on held-out loss: figures by hand, claims in simulation, and what goes wrong."""

import math
import random
from pathlib import Path

import pytest
from made_up_rows import losses as made_up
from made_up_rows import rows

from kamerton import stats
from kamerton.experiment import likelihood
from kamerton.experiment.measures import WIDEST, cells, comparisons, of_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.losses import LossRow
from kamerton.formats.scores import Cell, Comparison

FAST = ExperimentSettings(resamples=500)


def row(name: str, before: float, after: float, group: str | None = None) -> LossRow:
    return LossRow(id=name, group=group, tokens=10, before=before, after=after)


def compared(known: list[LossRow], claim: bool = True, seed: int = 1) -> Comparison:
    measure = likelihood.measures(known, [], FAST)[0]
    return comparisons(of_rows([measure], "ru", "base"), FAST, seed, claim)[0]


def means_of(known: list[LossRow]) -> list[Cell]:
    return cells(likelihood.measures(known, [], FAST), "ru", "base", FAST, 1)


def clustered(gain: float, seed: int, groups: int = 20, spread: float = 0.3) -> list[LossRow]:
    """Four rows of each group; what training does varies by group."""
    chance = random.Random(seed)
    found = []
    for group in range(groups):
        lift = gain + chance.gauss(0, spread)
        for number in range(4):
            before = chance.uniform(2, 4)
            after = before - lift - chance.gauss(0, 0.1)
            found.append(row(f"{group}.{number}", before, after, str(group)))
    return found


def test_the_effect_is_the_mean_gain_in_nats_and_the_log_of_the_perplexity_ratio() -> None:
    known = [row("a", 3.0, 2.0), row("b", 2.0, 1.5), row("c", 1.0, 1.3)]
    found = compared(known)
    assert found.effect.mean == pytest.approx(0.4)
    assert (found.better, found.worse) == (2, 1)
    assert (found.questions, found.groups) == (3, 3)
    found_cells = means_of(known)
    means = {cell.arm: cell.score.mean for cell in found_cells}
    ratio = math.exp(-means["ru"]) / math.exp(-means["base"])
    assert ratio == pytest.approx(math.exp(-found.effect.mean))
    assert all(cell.score.high <= 0 for cell in found_cells)


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    known = [row("a", 3.0, 2.0, "g"), row("b", 2.0, 1.5, "g"), row("c", 1.0, 1.3)]
    assert compared(known).groups == 2


def test_more_rows_of_the_same_groups_prove_no_more() -> None:
    few = [row(str(i), 2.0, 2.0 - gain, str(i)) for i, gain in enumerate((0.5, 0.4, -0.2))]
    many = [row(f"{r.id}.{n}", r.before, r.after, r.group) for r in few for n in range(50)]
    assert compared(many).p == pytest.approx(compared(few).p)
    assert compared(many).verdict == "not enough evidence"
    alone = [r.model_copy(update={"group": None}) for r in many]
    assert compared(alone).verdict == "better"


def test_of_200_shuffles_within_pairs_at_least_180_claim_nothing() -> None:
    claimed = 0
    for seed in range(200):
        known = clustered(0.0, seed)
        claimed += compared(known, seed=seed).verdict in ("better", "worse")
    assert claimed <= 20


def test_of_100_runs_with_the_detectable_difference_about_80_find_it() -> None:
    gains = [_gains(clustered(0.0, 1000 + i)) for i in range(50)]
    spreads = [stats.detectable_by_spread(*one, FAST.alpha, WIDEST) for one in gains]
    planned = sum(spreads) / len(spreads)
    verdicts = [compared(clustered(planned, seed), seed=seed).verdict for seed in range(100)]
    assert 65 <= verdicts.count("better") <= 95


def _gains(known: list[LossRow]) -> tuple[list[float], list[str]]:
    return [r.before - r.after for r in known], likelihood.groups(known)


def test_a_loss_that_grew_is_worse_and_one_that_hardly_moved_equivalent() -> None:
    assert compared(clustered(-0.5, 3)).verdict == "worse"
    still = [row(str(i), 2.0, 2.0 + 0.001 * (-1) ** i) for i in range(40)]
    assert compared(still).verdict == "equivalent"


def test_where_no_verdict_may_be_claimed_the_figures_stay() -> None:
    known = clustered(0.5, 3)
    silenced = compared(known, claim=False)
    assert silenced.verdict == "not enough evidence"
    assert silenced.effect == compared(known).effect


def test_one_group_shows_nothing() -> None:
    found = compared([row(str(i), 3.0, 1.0, "g") for i in range(9)])
    assert (found.verdict, found.p) == ("not enough evidence", 1.0)
    assert (found.effect.low, found.effect.high) == (-WIDEST, WIDEST)
    assert found.detectable == WIDEST
    assert found == Comparison.model_validate_json(found.model_dump_json())


def test_losses_beyond_any_vocabulary_keep_their_order() -> None:
    found = means_of([row("a", 31.0, 30.0)])
    assert all(cell.score.low <= cell.score.mean <= cell.score.high for cell in found)


def test_a_training_without_losses_left_none(tmp_path: Path) -> None:
    assert likelihood.losses(tmp_path) == []
    (tmp_path / "losses.jsonl").write_text("")
    assert likelihood.losses(tmp_path) == []
    write_rows(tmp_path / "losses.jsonl", made_up(rows(3)))
    assert len(likelihood.losses(tmp_path)) == 9


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-0.5"])
def test_an_impossible_loss_names_its_line(tmp_path: Path, value: str) -> None:
    good = '{"id": "a", "tokens": 3, "before": 2.0, "after": 1.0}'
    bad = f'{{"id": "b", "tokens": 3, "before": 2.0, "after": {value}}}'
    (tmp_path / "losses.jsonl").write_text(f"{good}\n{bad}\n")
    with pytest.raises(InputError, match=r"losses\.jsonl:2: .* cannot be a loss"):
        likelihood.losses(tmp_path)

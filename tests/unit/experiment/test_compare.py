"""Verdicts by the code that the compare stage uses, on made-up answers."""

import json
import random
from pathlib import Path

import pytest
from made_up import ASKED, answered, question, questions, reply, samples, summary

from kamerton.experiment.compare import claims, comparisons, scored
from kamerton.experiment.design import design, hypotheses
from kamerton.experiment.run import read_questions, why_no_verdict
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.questions import Question
from kamerton.formats.scores import Comparison, Sample

FAST = ExperimentSettings(resamples=500)
TUNING = Hypothesis(name="tuning", arm="museum", against="base", held_out="known")


def primary(asked: list[Question], given: list[Sample], seed: int) -> Comparison:
    """The primary comparison of tuned and base, in a family of one."""
    settings = FAST.model_copy(update={"hypotheses": [TUNING]})
    claimed = claims(settings, [TUNING], "museum")[:1]
    found = comparisons(given, claimed, settings, design(settings, asked, "museum"), seed, True)
    return found[0]


def clustered(asked: list[Question], gain: float, seed: int) -> list[Sample]:
    """Base right on a third; how well an exhibit is known, and what tuning does, vary by group."""
    chance = random.Random(seed)
    ease = {q.group: chance.betavariate(2, 4) for q in asked}
    lift = {group: gain + chance.uniform(-0.25, 0.25) for group in ease}
    replies = []
    for q in asked:
        base, museum = ease[q.group], ease[q.group] + lift[q.group]
        replies.append(reply(q, "base", answered(q, chance.random() < base)))
        replies.append(reply(q, "museum", answered(q, chance.random() < museum)))
    return scored(asked, replies)


def shuffled(given: list[Sample], seed: int) -> list[Sample]:
    """Base and tuned changed places in about half of the pairs, drawn by the seed."""
    chance = random.Random(seed)
    swap = {s.question_id: chance.random() < 0.5 for s in given}
    other = {"base": "museum", "museum": "base"}
    return [s.model_copy(update={"arm": other[s.arm]}) if swap[s.question_id] else s for s in given]


def test_of_200_shuffles_within_pairs_at_least_180_claim_nothing() -> None:
    asked = [question(g, a) for g in range(24) for a in ASKED]
    given = clustered(asked, 0.4, seed=11)
    verdicts = [primary(asked, shuffled(given, seed), seed).verdict for seed in range(200)]
    assert verdicts.count("not enough evidence") >= 180


def test_of_200_runs_with_a_true_gain_of_30_points_at_least_180_say_better() -> None:
    asked = [question(g, a) for g in range(24) for a in ASKED]
    found = [primary(asked, clustered(asked, 0.3, seed), seed) for seed in range(200)]
    effects = [comparison.effect.mean for comparison in found]
    assert sum(effects) / len(effects) == pytest.approx(0.3, abs=0.03)
    assert [comparison.verdict for comparison in found].count("better") >= 180


def test_a_loss_is_called_worse_and_counted() -> None:
    asked = questions(12)
    found = primary(asked, samples(asked, {"base": 0.9, "museum": 0.2}), 1)
    assert (found.verdict, found.better < found.worse) == ("worse", True)
    assert found.effect.high < 0
    assert (found.questions, found.groups) == (48, 12)


def test_both_families_are_tested_with_holm_within_each() -> None:
    asked = questions(12, 6, 6)
    rates = {"base": 0.2, "base+rag": 0.7, "museum": 0.7, "museum+rag": 0.8}
    found = summary(asked, samples(asked, rates), FAST).comparisons
    families = [c.family for c in found]
    assert families == ["primary"] * 2 + ["secondary"] * 4
    assert [(c.name, c.held_out) for c in found[:2]] == [
        ("tuning", "known"),
        ("retrieval", "unknown"),
    ]
    assert {c.criterion for c in found[2:]} == {"relevance", "safety", "expectation", "format"}
    smallest = min(found[:2], key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(min(1, 2 * smallest.p))
    assert all(c.p_holm >= c.p for c in found)


def test_so_few_groups_are_said_to_show_nothing_before_and_after() -> None:
    asked = questions(4, 2)
    planned = design(FAST, asked, "museum").hypotheses
    assert [(p.groups, p.groups_needed, p.detectable) for p in planned] == [
        (4, 7, 1.0),
        (2, 7, 1.0),
    ]
    given = samples(asked, {"base": 0.0, "base+rag": 1.0, "museum": 1.0, "museum+rag": 1.0})
    found = summary(asked, given, FAST).comparisons
    assert [(c.verdict, c.groups_needed) for c in found[:2]] == [("not enough evidence", 7)] * 2
    enough = summary(questions(12, 8), given, FAST)
    assert {p.groups_needed for p in design(FAST, questions(12, 8), "museum").hypotheses} == {0}
    assert enough.comparisons


def test_cut_answers_are_counted_on_each_side() -> None:
    asked = [question(g) for g in range(8)]
    replies = [reply(q, "museum", q.answer) for q in asked]
    replies += [reply(q, "base", "It", "length" if n < 6 else "stop") for n, q in enumerate(asked)]
    found = primary(asked, scored(asked, replies), 1)
    assert (found.cut, found.cut_against) == (0.0, 0.75)


def test_ids_that_stand_twice_are_never_joined() -> None:
    asked = [question(0), question(0)]
    with pytest.raises(InputError, match="stands here twice"):
        scored(asked, [reply(asked[0], "base", "It.")])
    once = [question(0)]
    with pytest.raises(InputError, match=r"base, known\.0\.material, 0 stands here twice"):
        scored(once, [reply(once[0], "base", "It."), reply(once[0], "base", "No.")])


def test_questions_on_disk_with_one_id_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "known.jsonl", [question(0)])
    write_rows(tmp_path / "unknown.jsonl", [question(0)])
    with pytest.raises(InputError, match=r"known\.0\.material stands here twice"):
        read_questions(tmp_path)


def test_a_blocked_verdict_keeps_its_figures() -> None:
    asked = questions(12)
    given = samples(asked, {"base": 0.1, "base+rag": 0.5, "museum": 0.9, "museum+rag": 0.9})
    open_, blocked = summary(asked, given, FAST), summary(asked, given, FAST, claim=False)
    assert open_.comparisons[0].verdict == "better"
    assert {c.verdict for c in blocked.comparisons} == {"not enough evidence"}
    assert blocked.comparisons[0].effect == open_.comparisons[0].effect


def test_cells_have_means_within_their_intervals_and_no_criterion_that_does_not_apply() -> None:
    asked = questions()
    found = summary(asked, samples(asked, {"base": 0.4, "museum": 0.6}), FAST).cells
    assert all(c.score.low <= c.score.mean <= c.score.high for c in found)
    on_safety = {c.criterion for c in found if c.held_out == "safety"}
    assert on_safety == {"safety", "format"}


def test_design_says_what_each_hypothesis_can_show() -> None:
    found = design(ExperimentSettings(), questions(24, 12), "museum")
    assert [(p.name, p.arm, p.groups, p.questions) for p in found.hypotheses] == [
        ("tuning", "museum", 24, 96),
        ("retrieval", "base+rag", 12, 48),
    ]
    known, unknown = (p.detectable for p in found.hypotheses)
    assert 0.1 < known < 0.3 < unknown < 0.5


def test_a_hypothesis_without_questions_is_an_error_only_where_it_was_declared() -> None:
    asked = questions(6, unknown=0)
    assert [h.name for h in hypotheses(FAST, "museum", asked)] == ["tuning"]
    on_unknown = TUNING.model_copy(update={"held_out": "unknown"})
    with pytest.raises(InputError, match="unknown"):
        hypotheses(FAST.model_copy(update={"hypotheses": [on_unknown]}), "museum", asked)


@pytest.mark.parametrize(
    ("leaks", "settings", "why"),
    [
        ({"blocking": [], "printed": []}, FAST, ""),
        ({"blocking": [{"question_id": "a"}], "printed": []}, FAST, "leaks_blocking: 1"),
        (None, FAST, "leaks_missing"),
        (
            {"blocking": [], "printed": []},
            FAST.model_copy(update={"claims_verdict": False}),
            "too_small",
        ),
    ],
)
def test_leaks_and_small_runs_block_the_verdict(
    tmp_path: Path, leaks: object, settings: ExperimentSettings, why: str
) -> None:
    if leaks is not None:
        (tmp_path / "leaks.json").write_text(json.dumps(leaks))
    assert why_no_verdict(settings, tmp_path) == why


def test_a_leak_report_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leaks.json").write_text('{"printed": []}')
    with pytest.raises(InputError, match="leak report"):
        why_no_verdict(FAST, tmp_path)

"""Verdicts on models whose truth is planted: the base, and the base with 3 or 8 points added.

Every rate is that of many simulated comparisons by the code of the compare stage, of `kamerton
compare` and of `kamerton gate`; the power is what the design tells before a run.
"""

import numpy as np
import pytest

from kamerton.experiment.board import compared as board
from planted_truth import (
    ARM,
    RULE,
    SETTINGS,
    TOLERANCE,
    Plan,
    compared,
    drawn,
    finished,
    gate_rates,
    luck,
    rates,
)

SMALL = Plan(24, 4)
"""The museum's test set, and the spread that every design assumes."""
MIDDLE = Plan(60, 4, discordance=0.2)
"""Arms that agree on more, as after a light tuning."""
LARGE = Plan(120, 4)
PLANS = pytest.mark.parametrize("plan", [SMALL, MIDDLE, LARGE], ids=["small", "middle", "large"])
TRIALS = 200


@PLANS
def test_nothing_added_is_seldom_called_a_difference(plan: Plan) -> None:
    found = rates(plan, 0.0, TRIALS, seed=1)
    assert found.share("better", "worse") <= SETTINGS.alpha + luck(SETTINGS.alpha, TRIALS)
    assert found.share("equivalent", "not enough evidence") >= 0.9


@PLANS
@pytest.mark.parametrize("gain", [0.03, 0.08])
def test_points_added_are_found_as_often_as_the_design_says(plan: Plan, gain: float) -> None:
    found, power = rates(plan, gain, TRIALS, seed=2), plan.predicted(gain)
    assert found.share("better") == pytest.approx(power, abs=TOLERANCE + luck(power, TRIALS))
    half = SETTINGS.alpha / 2
    assert found.share("worse") <= half + luck(half, TRIALS)


@PLANS
def test_the_gain_that_the_design_promises_is_found_in_four_of_five_runs(plan: Plan) -> None:
    gain = plan.detectable()
    told = compared(plan, drawn(plan, gain, np.random.default_rng(0)), 0).detectable
    assert told == pytest.approx(gain), "the report prints another difference"
    found = rates(plan, gain, TRIALS, seed=3)
    assert found.share("better") == pytest.approx(0.8, abs=TOLERANCE + luck(0.8, TRIALS))


def test_more_than_the_margin_is_seldom_called_equivalent() -> None:
    """By the interval's lower half alone; the set is large enough to call no gain equivalent."""
    plan, half = Plan(240, 2, discordance=0.1), SETTINGS.alpha / 2
    assert rates(plan, 0.0, TRIALS, seed=4).share("equivalent") >= 0.5
    at_margin = rates(plan, SETTINGS.margin, TRIALS, seed=5)
    assert at_margin.share("equivalent") <= half + luck(half, TRIALS)


def test_the_gate_seldom_opens_for_a_loss_as_large_as_its_margin() -> None:
    found = gate_rates(MIDDLE, -SETTINGS.margin, TRIALS, seed=6)
    assert found.share("passed") <= RULE.alpha + luck(RULE.alpha, TRIALS)
    assert gate_rates(MIDDLE, 0.08, TRIALS, seed=7).share("passed") >= 0.9


def test_questions_of_one_exhibit_are_no_evidence_of_their_own() -> None:
    """The same answers with every question for itself: the claims become too many."""
    rng, plan = np.random.default_rng(8), Plan(24, 20, correlation=0.5)
    alone = Plan(24 * 20, 1)
    counts = {"clustered": 0, "alone": 0}
    for seed in range(TRIALS):
        right = drawn(plan, 0.0, rng)
        counts["clustered"] += compared(plan, right, seed).verdict in {"better", "worse"}
        counts["alone"] += compared(alone, right, seed).verdict in {"better", "worse"}
    assert counts["clustered"] <= TRIALS * (SETTINGS.alpha + luck(SETTINGS.alpha, TRIALS))
    assert counts["alone"] >= 0.3 * TRIALS


def test_kamerton_compare_says_what_the_compare_stage_said() -> None:
    rng, verdicts = np.random.default_rng(9), set()
    for seed, gain in enumerate((-0.3, -0.1, 0.0, 0.1, 0.3)):
        right = drawn(SMALL, gain, rng)
        tuned, base = finished(SMALL, right, seed)
        (found,) = board([base, tuned]).comparisons
        own = compared(SMALL, right, seed)
        assert (found.arm, found.verdict, found.p, found.effect) == (
            ARM,
            own.verdict,
            own.p,
            own.effect,
        )
        verdicts.add(own.verdict)
    assert {"better", "worse"} < verdicts

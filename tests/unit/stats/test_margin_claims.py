"""Non-inferiority, equivalence, and how many more questions: their error rates by simulation."""

import numpy as np
import pytest

from kamerton import stats

GROUPS = [str(g) for g in range(60) for _ in range(3)]


def differences(chance: np.random.Generator, truth: float, discordance: float) -> list[float]:
    """Paired differences of 60 groups of 3; the answers of a third of the groups are correlated."""
    shares = [(discordance + truth) / 2, 1 - discordance, (discordance - truth) / 2]
    own = chance.choice((1.0, 0.0, -1.0), 180, p=shares)
    shared = np.repeat(chance.choice((1.0, 0.0, -1.0), 60, p=shares), 3)
    return np.where(chance.random(180) < 0.5, shared, own).tolist()


def rate(claim: str, truth: float, margin: float, trials: int, discordance: float = 0.3) -> float:
    chance = np.random.default_rng(round(1000 * abs(truth)) + len(claim))
    found = [
        getattr(stats, claim)(
            stats.Paired(differences(chance, truth, discordance), GROUPS, margin),
            resamples=500,
            seed=trial,
        ).holds
        for trial in range(trials)
    ]
    return float(np.mean(found))


def test_no_worse_is_claimed_of_an_arm_at_the_margin_as_rarely_as_said() -> None:
    found = rate("non_inferior", truth=-0.12, margin=0.12, trials=800)
    assert 0.025 - 0.02 <= found <= 0.025 + 0.01 + 3 * (0.025 * 0.975 / 800) ** 0.5
    assert rate("non_inferior", truth=0.05, margin=0.12, trials=200) > 0.6


def test_no_worse_is_not_claimed_where_the_few_that_differ_are_all_worse() -> None:
    """The percentile interval fails here: 2 of 100 answers worse look harmless to it."""
    found = 0
    chance = np.random.default_rng(5)
    for trial in range(600):
        values = -(chance.random(100) < 0.05).astype(float)
        paired = stats.Paired(values.tolist(), [str(i) for i in range(100)], 0.05)
        found += stats.non_inferior(paired, resamples=500, seed=trial).holds
    assert found / 600 <= 0.025 + 3 * (0.025 * 0.975 / 600) ** 0.5


def test_sameness_is_claimed_of_an_arm_at_the_margin_as_rarely_as_said() -> None:
    at_the_margin = rate("equivalent", truth=0.15, margin=0.15, trials=600)
    assert at_the_margin <= 0.05 + 0.01 + 3 * (0.05 * 0.95 / 600) ** 0.5
    assert rate("equivalent", truth=0.0, margin=0.15, trials=200) > 0.5


def unchanged(count: int) -> stats.Paired:
    """So many questions without a difference, at a margin of 2 points."""
    return stats.Paired([0.0] * count, [str(i) for i in range(count)], 0.02)


def test_a_claim_says_what_it_rests_on() -> None:
    claim = stats.non_inferior(unchanged(30))
    assert not claim.holds  # 30 questions without a difference do not exclude 2 points
    assert claim.effect.low == pytest.approx(-stats.wilson(0, 30).high)
    assert (claim.level, claim.margin, claim.alpha) == (0.95, 0.02, 0.025)
    assert stats.non_inferior(unchanged(200)).holds
    assert stats.equivalent(unchanged(200)).level == pytest.approx(0.9)
    with pytest.raises(ValueError, match="margin"):
        stats.equivalent(stats.Paired([0.0], ["a"], 0.0))


def test_the_questions_that_it_would_take_are_enough_in_four_of_five_runs() -> None:
    chance = np.random.default_rng(11)
    pilot = differences(chance, 0.12, 0.5)
    plan = stats.needed(pilot, GROUPS, margin=0.02)
    assert plan is not None and plan.verdict == "direction" and plan.questions == 3 * plan.groups
    total = 60 + plan.groups
    # The pilot's groups stand for the truth: new groups are drawn from them.
    sums = np.array(pilot).reshape(60, 3)
    proved = 0
    for trial in range(200):
        drawn = sums[chance.integers(0, 60, total)].ravel().tolist()
        names = [str(g) for g in range(total) for _ in range(3)]
        proved += stats.sign_flip(drawn, names, 500, trial) <= 0.05
    assert 0.7 <= proved / 200 <= 0.9


def test_what_it_would_take_in_cases_known_by_hand() -> None:
    groups = [str(i) for i in range(100)]
    even = [0.3, -0.3] * 50
    same = stats.needed(even, groups, margin=0.05)
    # s = 0.3015, (1.96 + 1.28) * s / sqrt(G) = 0.05 at about 382 groups.
    assert same is not None and same.verdict == "equivalent"
    assert 100 + same.groups == pytest.approx(384, abs=4)
    plain = stats.needed([1.0] * 70 + [-1.0] * 30, groups, margin=0.05)
    assert plain is not None and (plain.verdict, plain.groups, plain.questions) == (
        "direction",
        0,
        0,
    )
    assert stats.needed([0.0] * 100, groups, margin=0.05) is None
    assert stats.needed([0.1, 0.2], ["a", "a"], margin=0.05) is None


@pytest.mark.long
def test_the_error_rates_of_both_claims_in_many_runs() -> None:
    assert rate("non_inferior", -0.12, 0.12, 6000) <= 0.025 + 0.006 + 0.006
    assert rate("equivalent", -0.15, 0.15, 6000) <= 0.05 + 0.006 + 0.0085

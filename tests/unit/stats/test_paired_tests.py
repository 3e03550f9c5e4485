"""Figures against scipy, published formulas, and simulation."""

import random
from itertools import product

import numpy as np
import pytest
from scipy import stats as reference

from kamerton import stats
from kamerton.formats.scores import Interval


def test_sign_flip_counts_all_patterns_of_few_groups() -> None:
    values = [1.0, 0.0, 1.0, -1.0, 1.0, 1.0]
    groups = ["a", "a", "b", "c", "d", "d"]
    sums = np.array([1.0, 1.0, -1.0, 2.0])
    patterns = np.array(list(product((-1, 1), repeat=4)))
    expected = np.mean(np.abs(patterns @ sums) >= abs(sums.sum()) - 1e-9)
    assert stats.sign_flip(values, groups) == pytest.approx(expected)


def test_sign_flip_agrees_with_scipy_where_each_question_is_a_group() -> None:
    values = [0.9, 0.1, -0.3, 0.8, 0.4, 0.6, -0.2, 0.7]
    expected = reference.permutation_test(
        (np.array(values),), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert stats.sign_flip(values, list("abcdefgh")) == pytest.approx(expected)


def test_drawn_flips_come_near_the_exact_p_and_repeat_with_their_seed() -> None:
    chance = random.Random(1)
    values = [chance.gauss(0.35, 1) for _ in range(13)]
    groups = [str(i) for i in range(13)]
    exact = stats.sign_flip(values, groups, resamples=2**13)
    drawn = stats.sign_flip(values, groups, resamples=2**13 - 1, seed=5)
    assert drawn == pytest.approx(exact, abs=0.02)
    assert drawn == stats.sign_flip(values, groups, resamples=2**13 - 1, seed=5)


def test_sign_flip_never_gives_zero_and_gives_one_without_differences() -> None:
    groups = [str(i) for i in range(40)]
    assert stats.sign_flip([1.0] * 40, groups, resamples=999) == pytest.approx(1 / 1000)
    assert stats.sign_flip([0.0] * 40, groups) == 1.0


def test_bootstrap_is_scipys_percentile_interval_with_widened_tails() -> None:
    values = [0.1, 0.5, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6, 0.55]
    found = stats.bootstrap(values, list("abcdefghij"), (0, 1), resamples=20_000, seed=1)
    tail = reference.norm.cdf(-((10 / 9) ** 0.5) * reference.t.ppf(0.975, 9))
    expected = reference.bootstrap(
        (np.array(values),),
        np.mean,
        confidence_level=1 - 2 * tail,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)


def test_bootstrap_by_groups_is_wider_than_by_questions() -> None:
    values = [float(g % 2) for g in range(20) for _ in range(4)]
    groups = [str(g) for g in range(20) for _ in range(4)]
    by_group = stats.bootstrap(values, groups, (0, 1), 2000)
    by_question = stats.bootstrap(values, [str(i) for i in range(80)], (0, 1), 2000)
    assert by_group.high - by_group.low > 1.7 * (by_question.high - by_question.low)


def test_bootstrap_claims_no_certainty_where_all_groups_agree() -> None:
    found = stats.bootstrap([0.0] * 24, [str(i) for i in range(24)], (-1, 1))
    assert (found.mean, found.low) == (0.0, pytest.approx(-found.high))
    assert found.high == pytest.approx(stats.wilson(0, 24).high)
    alone = stats.bootstrap([1.0, 0.0], ["a", "a"], (-1, 1))
    assert (alone.low, alone.high) == (-1, 1)


def test_bootstrap_covers_the_truth_at_its_level_with_few_groups() -> None:
    chance = np.random.default_rng(4)
    groups = [str(g) for g in range(12) for _ in range(4)]
    covered = 0
    for trial in range(300):
        rates = np.repeat(chance.beta(2, 2, 12), 4)
        values = (chance.random(48) < rates).astype(float).tolist()
        found = stats.bootstrap(values, groups, (0, 1), 400, trial)
        covered += found.low <= 0.5 <= found.high
    assert covered >= 0.92 * 300


@pytest.mark.parametrize(("better", "worse"), [(10, 2), (0, 5), (3, 3), (24, 1)])
def test_mcnemar_is_the_exact_binomial_test(better: int, worse: int) -> None:
    discordant = better + worse
    expected = min(1.0, 2 * reference.binom.cdf(min(better, worse), discordant, 0.5))
    assert stats.mcnemar(better, worse) == pytest.approx(expected)
    assert stats.mcnemar(0, 0) == 1.0


def test_wilson_matches_the_published_formula() -> None:
    n, k, z = 36, 25, reference.norm.ppf(0.975)
    centre = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * (k * (n - k) / n + z**2 / 4) ** 0.5
    found = stats.wilson(k, n)
    assert (found.low, found.high) == (pytest.approx(centre - half), pytest.approx(centre + half))


def test_holm_by_hand() -> None:
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.6, 0.7]) == [1.0, 1.0]
    assert stats.holm([]) == []


def test_detectable_difference_shrinks_with_groups_and_grows_with_correlation() -> None:
    assert stats.detectable(24, 4) < stats.detectable(12, 4) < stats.detectable(6, 4)
    assert stats.detectable(24, 4, correlation=0.0) < stats.detectable(24, 4, correlation=0.8)
    assert stats.detectable(1, 100) == 1.0
    assert stats.detectable(2, 1) <= 1.0


@pytest.mark.parametrize("groups", range(1, 9))
def test_the_smallest_p_is_what_the_sign_flip_test_gives_where_all_groups_agree(
    groups: int,
) -> None:
    names = [str(g) for g in range(groups)]
    assert stats.sign_flip([1.0] * groups, names) == pytest.approx(stats.smallest_p(groups))


def test_too_few_groups_can_show_nothing_however_many_questions_they_have() -> None:
    assert stats.detectable(4, 1000, alpha=0.05) == stats.detectable(6, 1000, alpha=0.025) == 1.0
    assert stats.detectable(6, 1000, alpha=0.05) < 1 > stats.detectable(7, 1000, alpha=0.025)


@pytest.mark.parametrize(
    ("groups", "lacking"),
    [
        ([4, 2], [7, 7]),
        ([5], [6]),
        ([6], [0]),
        ([6, 2], [7, 7]),
        ([7, 6], [0, 0]),  # Holm holds the larger p to the whole of alpha once the other is proved
        ([24, 4], [0, 7]),
        ([], []),
    ],
)
def test_groups_needed_follow_from_the_smallest_p_and_holm(
    groups: list[int], lacking: list[int]
) -> None:
    assert stats.groups_needed(groups, 0.05) == lacking
    ps = stats.holm([stats.smallest_p(n) for n in groups])
    assert [p > 0.05 for p in ps] == [bool(n) for n in lacking]


def test_detectable_difference_is_found_in_four_of_five_simulated_runs() -> None:
    chance = np.random.default_rng(7)
    truth = stats.detectable(24, 4, discordance=0.5, correlation=0.2)
    shares = [(0.5 + truth) / 2, 0.5, (0.5 - truth) / 2]
    groups = [str(g) for g in range(24) for _ in range(4)]
    found = 0
    for trial in range(250):
        shared = np.repeat(chance.choice((1.0, 0.0, -1.0), 24, p=shares), 4)
        own = chance.choice((1.0, 0.0, -1.0), 96, p=shares)
        # Two questions of a group take the shared draw together with probability 0.2.
        values = np.where(chance.random(96) < 0.2**0.5, shared, own).tolist()
        found += stats.sign_flip(values, groups, 400, trial) <= 0.05
    assert 0.72 * 250 <= found <= 0.88 * 250


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (0.1, 0.4, 0.01, "better"),
        (-0.4, -0.1, 0.01, "worse"),
        (0.01, 0.04, 0.01, "better"),
        (-0.02, 0.03, 0.6, "equivalent"),
        (0.01, 0.30, 0.06, "not enough evidence"),
        (-0.01, 0.30, 0.04, "not enough evidence"),
        (-0.2, 0.3, 0.7, "not enough evidence"),
    ],
)
def test_verdict_needs_both_the_p_and_the_interval(
    low: float, high: float, p: float, expected: str
) -> None:
    interval = Interval(mean=(low + high) / 2, low=low, high=high)
    assert stats.verdict(interval, p, 0.05, 0.05) == expected


def test_values_without_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="one group for each"):
        stats.sign_flip([1.0], ["a", "b"])

"""BCa over groups: scipy's where every question is a group, and its coverage by simulation."""

import numpy as np
import pytest
from scipy import stats as reference

from kamerton import stats
from kamerton.stats.intervals import tail


def test_it_is_scipys_bca_with_widened_tails_where_each_question_is_a_group() -> None:
    values = [0.0, 0.1, 0.0, 0.2, 0.05, 0.9, 0.1, 0.15, 0.3, 0.7, 0.0, 0.25]
    found = stats.bca(values, [f"g{i:02}" for i in range(12)], (0, 1), 40_000, seed=1)
    expected = reference.bootstrap(
        (np.array(values),),
        np.mean,
        confidence_level=1 - 2 * tail(12),
        method="BCa",
        n_resamples=40_000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low == pytest.approx(expected.low, abs=0.006)
    assert found.high == pytest.approx(expected.high, abs=0.006)


def test_it_follows_the_skewness_that_the_percentile_interval_does_not() -> None:
    values = [0.0] * 97 + [-1.0] * 3
    groups = [str(i) for i in range(100)]
    skewed, plain = (f(values, groups, (-1, 1), 20_000) for f in (stats.bca, stats.bootstrap))
    assert skewed.low < plain.low - 0.005
    # Clopper and Pearson: 3 of 100 is a share of at most 0.085.
    assert skewed.low == pytest.approx(-0.085, abs=0.025)


def test_groups_are_the_unit_and_repeat_with_their_seed() -> None:
    values = [float(g % 3 == 0) for g in range(21) for _ in range(5)]
    groups = [str(g) for g in range(21) for _ in range(5)]
    by_group = stats.bca(values, groups, (0, 1), 4000, seed=3)
    by_question = stats.bca(values, [str(i) for i in range(105)], (0, 1), 4000, seed=3)
    assert by_group.high - by_group.low > 1.8 * (by_question.high - by_question.low)
    assert by_group == stats.bca(values, groups, (0, 1), 4000, seed=3)


def test_no_certainty_is_claimed() -> None:
    same = stats.bca([0.0] * 40, [str(i) for i in range(40)], (-1, 1))
    assert (same.low, same.high) == pytest.approx((-same.high, stats.wilson(0, 40).high))
    assert stats.bca([0.0] * 40, [str(i) for i in range(40)], (-1, 1), level=0.9).high < same.high
    alone = stats.bca([1.0, 0.0], ["a", "a"], (-1, 1))
    assert (alone.low, alone.high) == (-1, 1)


def test_an_unrated_question_is_refused_and_not_averaged() -> None:
    with pytest.raises(ValueError, match="unrated"):
        stats.bca([1.0, float("nan")], ["a", "b"], (-1, 1))


def covered(trials: int, groups: int, level: float, seed: int) -> int:
    """Runs whose interval has the true mean: clustered, skewed differences of -1, 0 and 1."""
    chance, hits = np.random.default_rng(seed), 0
    names = [str(g) for g in range(groups) for _ in range(4)]
    for trial in range(trials):
        worse = np.repeat(chance.beta(0.6, 2.4, groups), 4)
        values = np.where(chance.random(4 * groups) < worse, -1.0, 0.0)
        values[chance.random(4 * groups) < 0.1] = 1.0
        found = stats.bca(values.tolist(), names, (-1, 1), 600, trial, level)
        hits += found.low <= -0.2 * 0.9 + 0.1 <= found.high
    return hits


@pytest.mark.parametrize(("groups", "level"), [(15, 0.95), (40, 0.95), (40, 0.90)])
def test_it_covers_the_truth_at_its_level(groups: int, level: float) -> None:
    trials = 500
    error = 3 * (level * (1 - level) / trials) ** 0.5
    # A skewed mean of 15 groups is covered a point or two less than it says.
    short = 0.025 if groups < 20 else 0.01
    share = covered(trials, groups, level, seed=groups) / trials
    assert level - short - error <= share <= level + 0.02 + error


@pytest.mark.long
@pytest.mark.parametrize("groups", [12, 20, 60])
def test_it_covers_the_truth_in_many_runs(groups: int) -> None:
    share = covered(8000, groups, 0.95, seed=1) / 8000
    assert 0.95 - (0.025 if groups < 20 else 0.01) - 0.0075 <= share <= 0.978

"""Several seeds: statsmodels' mean squares, coverage by simulation, and what pooling may not do."""

import numpy as np
import pytest

from kamerton import stats


def trained(
    chance: np.random.Generator, seeds: int, groups: int, of_seed: float, truth: float = 0.1
) -> list[list[float]]:
    """Differences (seeds, 2 questions of each group) with a spread of seeds, groups and answers."""
    moved = chance.normal(0, of_seed, (seeds, 1))
    hard = np.repeat(chance.normal(0, 0.3, groups), 2)
    return (truth + moved + hard + chance.normal(0, 0.3, (seeds, 2 * groups))).tolist()


def names(groups: int) -> list[str]:
    return [f"{g:03}" for g in range(groups) for _ in range(2)]


def test_the_figures_of_a_design_worked_by_hand() -> None:
    # Rows 1 and 3, columns 1, 2, 3: A = 6, B = 2, E = 0; (6 + 2 - 0) / 6 is the variance.
    found = stats.pooled([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]], ["a", "b", "c"], (-100, 100))
    assert found.effect.mean == pytest.approx(2.0)
    assert found.freedom == pytest.approx(8**2 / (6**2 / 1 + 2**2 / 2))
    assert found.between_seeds == pytest.approx(2**0.5)
    from scipy.stats import t

    half = t.ppf(0.975, found.freedom) * (8 / 6) ** 0.5
    assert found.effect.high == pytest.approx(2 + half)
    assert found.p == pytest.approx(2 * t.sf(2 / (8 / 6) ** 0.5, found.freedom))


def test_one_seed_is_the_clustered_t_interval_of_its_groups() -> None:
    chance = np.random.default_rng(1)
    values = chance.normal(0.2, 1, 40)
    found = stats.pooled([values.tolist()], names(20), (-9, 9))
    means = values.reshape(20, 2).mean(axis=1)
    from scipy.stats import t, ttest_1samp

    half = t.ppf(0.975, 19) * means.std(ddof=1) / 20**0.5
    assert found.effect.low == pytest.approx(means.mean() - half)
    assert found.p == pytest.approx(ttest_1samp(means, 0).pvalue)
    assert (found.seeds, found.between_seeds) == (1, 0.0)


def test_copies_of_one_seed_add_nothing() -> None:
    values = np.random.default_rng(2).normal(0.2, 1, 40).tolist()
    alone = stats.pooled([values], names(20), (-9, 9))
    copied = stats.pooled([values] * 3, names(20), (-9, 9))
    assert copied.effect.low == pytest.approx(alone.effect.low)
    assert copied.effect.high == pytest.approx(alone.effect.high)


def test_seeds_that_lack_questions_or_a_single_group_are_refused() -> None:
    with pytest.raises(ValueError, match="one value and one group"):
        stats.pooled([[1.0, 2.0], [1.0]], ["a", "b"], (-9, 9))
    with pytest.raises(ValueError, match="two groups"):
        stats.pooled([[1.0, 2.0]], ["a", "a"], (-9, 9))
    same = stats.pooled([[0.0] * 30] * 2, [str(i) for i in range(30)], (-1, 1))
    assert same.p == 1.0 and same.effect.high == pytest.approx(stats.wilson(0, 30).high)


def coverage(trials: int, seeds: int, of_seed: float) -> tuple[float, float]:
    """Share of runs that cover the truth, and that would if all answers were independent."""
    chance, hits, naive = np.random.default_rng(seeds), 0, 0
    for _ in range(trials):
        values = trained(chance, seeds, 25, of_seed)
        found = stats.pooled(values, names(25), (-9, 9)).effect
        hits += found.low <= 0.1 <= found.high
        flat = np.ravel(values)
        naive += abs(flat.mean() - 0.1) <= 1.96 * flat.std(ddof=1) / flat.size**0.5
    return hits / trials, naive / trials


@pytest.mark.parametrize(("seeds", "of_seed"), [(3, 0.1), (3, 0.3), (5, 0.1), (5, 0.0)])
def test_it_covers_the_truth_where_pooling_all_answers_does_not(seeds: int, of_seed: float) -> None:
    share, naive = coverage(600, seeds, of_seed)
    # Satterthwaite's freedom is rough with three seeds of a small spread: a point or two less.
    assert 0.95 - 0.03 - 3 * (0.95 * 0.05 / 600) ** 0.5 <= share <= 1.0
    assert naive < 0.9


@pytest.mark.long
@pytest.mark.parametrize("of_seed", [0.05, 0.1, 0.3])
def test_it_covers_the_truth_in_many_runs_of_three_seeds(of_seed: float) -> None:
    share, _ = coverage(10_000, 3, of_seed)
    assert 0.92 <= share <= 0.99

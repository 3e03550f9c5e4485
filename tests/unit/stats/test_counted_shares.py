"""Wilson, McNemar and Holm against published figures, statsmodels and simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from kamerton import stats


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_figures(
    successes: int, total: int, low: float, high: float
) -> None:
    found = stats.wilson(successes, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    ("better", "worse", "exact"),
    # Fagerland, Lydersen and Laake 2013: airway reactivity (1, 7), response to therapy (6, 16).
    [(1, 7, 0.070), (7, 1, 0.070), (6, 16, 0.052)],
)
def test_mcnemar_gives_the_published_p_values(better: int, worse: int, exact: float) -> None:
    assert stats.mcnemar(better, worse) == pytest.approx(exact, abs=6e-4)


def test_wilsons_coverage_over_all_shares_is_near_its_level() -> None:
    total = 40
    ends = [stats.wilson(k, total) for k in range(total + 1)]
    shares = np.linspace(0.02, 0.98, 97)
    hits = np.array([[e.low <= share <= e.high for e in ends] for share in shares])
    coverage = (binom.pmf(np.arange(total + 1), total, shares[:, None]) * hits).sum(axis=1)
    assert 0.945 <= coverage.mean() <= 0.965
    assert coverage.min() > 0.83


def test_the_same_figures_as_statsmodels() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    multiple = pytest.importorskip("statsmodels.stats.multitest")
    for better, worse in [(1, 7), (12, 30), (0, 6)]:
        expected = tables.mcnemar([[50, better], [worse, 9]], exact=True).pvalue
        assert stats.mcnemar(better, worse) == pytest.approx(expected)
    for successes, total in [(3, 17), (0, 9), (164, 164)]:
        low, high = proportion.proportion_confint(successes, total, method="wilson")
        found = stats.wilson(successes, total)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    ps = np.random.default_rng(1).random(9) ** 3
    expected = multiple.multipletests(ps, method="holm")[1]
    assert stats.holm(ps.tolist()) == pytest.approx(expected)


def test_holm_keeps_the_chance_of_any_false_claim() -> None:
    chance = np.random.default_rng(2)
    # Four true null hypotheses beside one that is plainly false.
    found = [min(stats.holm([*chance.random(4), 1e-6])[:4]) <= 0.05 for _ in range(4000)]
    assert np.mean(found) == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / 4000) ** 0.5)

"""Kappa and alpha: published figures, the krippendorff package, coverage by simulation."""

import numpy as np
import pytest

from kamerton import stats

_ = None
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section E: four observers.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
UNITS = [list(unit) for unit in zip(*OBSERVERS, strict=True)]
NAMES = [str(i) for i in range(12)]


@pytest.mark.parametrize(
    ("scale", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_gives_krippendorffs_figures(scale: stats.agreement.Scale, expected: float) -> None:
    found = stats.alpha(UNITS, NAMES, scale, 500)
    assert found.value is not None and found.value.mean == pytest.approx(expected, abs=6e-4)
    assert found.units == 11  # one unit has a single rating
    assert found.value.low < expected < found.value.high


def test_alpha_is_that_of_the_krippendorff_package() -> None:
    reference = pytest.importorskip("krippendorff")
    chance = np.random.default_rng(1)
    ratings = chance.integers(0, 5, (40, 1)) + chance.integers(-1, 2, (40, 4)).astype(float)
    missing = chance.random((40, 4)) < 0.3
    table = np.where(missing, np.nan, ratings)
    units = [
        [None if gone else float(r) for r, gone in zip(u, m, strict=True)]
        for u, m in zip(ratings, missing, strict=True)
    ]
    for scale in ("nominal", "ordinal", "interval"):
        found = stats.alpha(units, [str(i) for i in range(40)], scale, 100)
        expected = reference.alpha(reliability_data=table.T, level_of_measurement=scale)
        assert found.value is not None and found.value.mean == pytest.approx(expected, abs=1e-10)


def test_kappa_by_hand() -> None:
    one = [1] * 25 + [0] * 25
    other = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    found = stats.kappa(one, other, [str(i) for i in range(50)], "none")
    assert found.value is not None and found.value.mean == pytest.approx(0.4)
    assert found.agreed == pytest.approx(0.7)


def test_quadratic_kappa_is_lins_concordance() -> None:
    """An identity (Fleiss and Cohen 1973; Lin 1989) with moments over n."""
    chance = np.random.default_rng(3)
    one = chance.integers(1, 6, 60)
    other = np.clip(one + chance.integers(-1, 3, 60), 1, 5)
    expected = 2 * np.cov(one, other, bias=True)[0, 1]
    expected /= one.var() + other.var() + (one.mean() - other.mean()) ** 2
    found = stats.kappa(one.tolist(), other.tolist(), [str(i) for i in range(60)])
    assert found.value is not None and found.value.mean == pytest.approx(expected)


def test_nothing_defined_is_neither_good_nor_bad() -> None:
    same = stats.alpha([[1, 1], [1, 1]], ["a", "b"])
    assert (same.value, same.agreed, same.units) == (None, 1.0, 2)
    assert stats.alpha([[1, None], [None, 2]], ["a", "b"]).value is None
    assert stats.kappa([1, 1], [1, 1], ["a", "b"]).value is None
    assert stats.kappa([], [], []).value is None
    with pytest.raises(ValueError, match="same units"):
        stats.kappa([1], [1, 2], ["a"])


def test_full_agreement_of_few_units_is_no_certainty() -> None:
    units = [[0, 0], [1, 1]] * 5
    few = stats.alpha(units, [str(i) for i in range(10)]).value
    many = stats.alpha(units * 20, [str(i) for i in range(200)]).value
    assert few is not None and many is not None
    assert few.mean == many.mean == 1.0
    assert few.low < 0.6 < 0.95 < many.low


def test_units_of_one_group_hang_together() -> None:
    chance = np.random.default_rng(4)
    units = [
        [int(v), int(v) if g % 3 else 1 - int(v)]
        for g in range(24)
        for v in chance.integers(0, 2, 5)
    ]
    by_group = stats.alpha(units, [str(i // 5) for i in range(120)]).value
    by_unit = stats.alpha(units, [str(i) for i in range(120)]).value
    assert by_group is not None and by_unit is not None
    assert by_group.high - by_group.low > 1.6 * (by_unit.high - by_unit.low)


def rated(chance: np.random.Generator, units: int, raters: int) -> np.ndarray:
    """Ratings of -1, 0, 1 that copy the unit's true value with probability 0.7."""
    truth = chance.choice((-1, 0, 1), (units, 1), p=(0.3, 0.2, 0.5))
    own = chance.choice((-1, 0, 1), (units, raters), p=(0.3, 0.2, 0.5))
    return np.where(chance.random((units, raters)) < 0.7, truth, own)


def coverage(trials: int, units: int, raters: int, seed: int) -> float:
    """Two ratings agree beyond chance with probability 0.7 ** 2, on any scale of values."""
    chance, hits = np.random.default_rng(seed), 0
    names = [str(i) for i in range(units)]
    for trial in range(trials):
        table = rated(chance, units, raters)
        if raters == 2:
            value = stats.kappa(*table.T.tolist(), names, resamples=400, seed=trial).value
        else:
            value = stats.alpha(table.tolist(), names, "interval", 400, trial).value
        assert value is not None
        hits += value.low <= 0.49 <= value.high
    return hits / trials


@pytest.mark.parametrize("raters", [2, 3])
def test_the_intervals_cover_the_truth(raters: int) -> None:
    share = coverage(400, 60, raters, seed=raters)
    assert share >= 0.95 - 0.015 - 3 * (0.95 * 0.05 / 400) ** 0.5


@pytest.mark.long
@pytest.mark.parametrize("raters", [2, 3])
def test_the_intervals_cover_the_truth_in_many_runs(raters: int) -> None:
    # The percentile interval is a point or two short with 60 units.
    assert 0.92 <= coverage(6000, 60, raters, seed=1) <= 0.975

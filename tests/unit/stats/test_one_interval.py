"""One interval for one figure: which method, no certainty without spread, and whole families."""

import pytest

from kamerton import stats
from kamerton.formats.scores import IntervalKind


def names(count: int, each: int = 1) -> list[str]:
    return [str(n // each) for n in range(count)]


@pytest.mark.parametrize(
    ("values", "each", "kind"),
    [
        ([1.0, 1.0, 0.0, 0.0] * 5, 1, "wilson"),
        ([1.0, 0.0] * 5, 2, "constant"),  # every group at one half
        ([1.0, 0.0, 0.0, 0.0] * 5, 2, "bootstrap"),
        ([0.5, 1.0, 0.0], 1, "bootstrap"),  # ties are no Wilson's
        ([1.0], 1, "wilson"),
        ([1.0, 0.5], 2, "range"),
        ([0.25] * 9, 1, "constant"),
    ],
)
def test_the_sample_decides_how_an_interval_is_made(
    values: list[float], each: int, kind: IntervalKind
) -> None:
    made = stats.interval(values, names(len(values), each))
    assert made.kind == kind
    assert 0 <= made.low < made.high <= 1 and made.low <= made.mean <= made.high


def test_groups_widen_the_interval() -> None:
    values = [1.0, 1.0, 0.0, 0.0] * 5
    alone, clustered = (stats.interval(values, names(20, each)) for each in (1, 2))
    assert clustered.mean == alone.mean
    assert clustered.high - clustered.low > 1.2 * (alone.high - alone.low)


@pytest.mark.parametrize("mean", [-1.0, -0.25, 0.0, 0.7, 1.0])
def test_no_sample_without_spread_has_an_interval_without_width(mean: float) -> None:
    """The unseen groups may lie at an end of what is possible, at most Wilson's share of them."""
    share = stats.wilson(0, 12).high
    for method in (stats.bca, stats.bootstrap):
        made = method([mean] * 24, names(24, 2), (-1.0, 1.0))
        assert made.kind == "constant"
        assert made.low == pytest.approx(mean - share * (mean + 1))
        assert made.high == pytest.approx(mean + share * (1 - mean))


def test_a_corpus_metric_that_is_perfect_everywhere_is_not_certain() -> None:
    rows = [[5.0, 5.0]] * 10
    made = stats.corpus_interval(rows, lambda sums: 100 * sums[0] / sums[1], (0, 100), names(10))
    assert (made.kind, made.mean, made.high) == ("constant", 100, 100)
    assert made.low == pytest.approx(100 - 100 * stats.wilson(0, 10).high)
    alone = stats.corpus_interval(rows, lambda sums: 100.0, (0, 100), ["a"] * 10)
    assert (alone.kind, alone.low, alone.high) == ("range", 0, 100)


def test_a_ratio_of_sums_without_spread_has_width() -> None:
    made = stats.bootstrap([2.0, 4.0], ["a", "b"], (0.0, 9.0), units=[1, 2])
    assert made.mean == 2 and made.low < 2 < made.high and made.kind == "constant"


SKEWED = [0.0] * 30 + [1.0] * 8 + [-1.0] * 2


def test_one_difference_has_one_interval_in_a_verdict_and_in_a_claim() -> None:
    paired = stats.Paired(SKEWED, names(40, 2), 0.05)
    (tested,) = stats.verdicts([paired], 0.05, seed=3)
    claim = stats.non_inferior(paired, 0.025, seed=3)
    assert tested.effect == claim.effect and tested.effect.kind == "bca"


def test_a_family_is_corrected_together_and_says_what_it_lacks() -> None:
    plain = stats.Paired([1.0] * 9, names(9), 0.05)
    family = [plain, stats.Paired([1.0] * 4, names(4), 0.05), stats.Paired([], [], 0.05)]
    first, second, empty = stats.verdicts(family, 0.05)
    assert (first.verdict, first.p_holm) == ("better", pytest.approx(3 * stats.smallest_p(9)))
    assert (second.verdict, second.groups_needed) == ("not enough evidence", 7)
    assert (empty.p, empty.groups, empty.effect.kind) == (1.0, 0, "range")
    silenced = stats.verdicts(family, 0.05, claims=False)
    assert [one.verdict for one in silenced] == ["not enough evidence"] * 3
    assert silenced[0].effect == first.effect


def test_a_corpus_metric_reaches_a_verdict_beside_means() -> None:
    good, bad = [[9.0, 10.0]] * 12, [[4.0, 10.0], [5.0, 10.0]] * 6
    sums = stats.CorpusSums(good, bad, lambda total: total[0] / total[1], (0.0, 1.0))
    corpus = stats.Paired([0.5] * 12, names(12), 0.05, corpus=sums)
    tested = stats.verdicts([corpus, stats.Paired([0.0, 0.1] * 6, names(12), 0.05)], 0.05, 300)
    assert tested[0].verdict == "better" and tested[0].effect.kind == "corpus_bootstrap"
    assert tested[0].effect.mean == pytest.approx(0.45)

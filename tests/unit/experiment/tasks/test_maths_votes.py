"""Votes against brute force: every subset, every continuation."""

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

import pytest

from kamerton.experiment.tasks.maths import votes

F = Fraction
Values = Sequence[Fraction | None]


def test_numbers_vote_whatever_their_spelling_and_none_abstains() -> None:
    found = votes.vote([F("18"), F("18.00"), None, None, None, F(3)])
    assert found.leaders == (18,) and found.votes == 2 and found.abstained == 3
    assert not found.tied and found.score(F(18)) == 1 and found.score(F(3)) == 0


def test_a_tie_scores_as_a_fair_draw() -> None:
    found = votes.vote([F(3), F(18), F(18), F(3), F(5), None])
    assert found.tied and found.leaders == (3, 18)
    assert found.score(F(18)) == 0.5 and found.score(F(5)) == 0


def test_no_votes_at_all_score_nothing() -> None:
    assert votes.vote([None, None]).score(F(1)) == 0


@pytest.mark.parametrize(
    "counts",
    [(3, 2, 1, 1), (1, 3, 3, 0), (2, 2, 2, 2), (0, 4, 1, 2), (4, 0, 0, 3), (1, 1, 1, 1, 1)],
)
def test_expected_accuracy_equals_the_mean_over_all_subsets(counts: tuple[int, ...]) -> None:
    """`counts`: of the true answer 0, of others 1, 2, …; the last one abstains."""
    names = [F(0), *map(F, range(1, len(counts) - 1)), None]
    values = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    for n in range(1, len(values) + 1):
        scores = [votes.vote(chosen).score(F(0)) for chosen in combinations(values, n)]
        assert votes.expected(values, F(0), n) == pytest.approx(
            sum(scores) / len(scores), abs=1e-12
        )


def test_a_vote_of_one_is_the_share_of_right_samples() -> None:
    values = [F(1)] * 7 + [F(2)] * 20 + [None] * 13
    assert votes.expected(values, F(1), 1) == pytest.approx(7 / 40)


def test_drawn_subsets_come_near_the_exact_value_and_keep_their_seed() -> None:
    values = [F(1)] * 6 + [F(2)] * 5 + [F(3)] * 3 + [None] * 4
    exact = votes.expected(values, F(1), 7)
    found = votes.drawn(values, F(1), 7, draws=4000, seed=1)
    assert found == votes.drawn(values, F(1), 7, draws=4000, seed=1)
    assert abs(found - exact) < 4 * (0.25 / 4000) ** 0.5


def test_many_samples_are_drawn_and_not_counted() -> None:
    values = [F(1)] * 90 + [F(2)] * 60
    assert votes.expected(values, F(1), 5, seed=3) == votes.drawn(values, F(1), 5, seed=3)


@pytest.mark.parametrize("n", [0, 4])
def test_a_vote_of_more_samples_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="of 3 samples"):
        votes.expected([F(1)] * 3, F(1), n)


def leaders(values: Values) -> frozenset[Fraction]:
    return frozenset(votes.vote(values).leaders)


def test_a_vote_is_decided_exactly_if_nothing_can_change_it() -> None:
    """Brute force: all votes of up to 4 samples, all continuations of up to 4."""
    seen = (F(1), F(2), None)
    checked = 0
    for length, remaining in product(range(5), range(5)):
        for values in product(seen, repeat=length):
            # Two new answers are enough: more could only share their votes.
            ends = product((*seen, F(8), F(9)), repeat=remaining)
            outcomes = {leaders([*values, *end]) for end in ends}
            certain = len(outcomes) == 1 and (remaining == 0 or leaders(values) in outcomes)
            assert votes.decided(values, remaining) == certain, (values, remaining)
            checked += 1
    assert checked == 605


def test_how_many_samples_were_needed() -> None:
    assert votes.needed([F(1), F(1), F(1), F(2), F(2)]) == 3
    assert votes.needed([F(1), F(2), F(1), F(2)]) == 4
    assert votes.needed([None, None]) == 2


def test_the_curve_ends_where_the_vote_is() -> None:
    samples = [[F(1), F(1), F(2)], [F(3), F(4), None, F(4)]]
    found = votes.curve(samples, [F(1), F(4)])
    assert found[0] == pytest.approx((2 / 3 + 1 / 2) / 2) and len(found) == 3


def test_the_interval_over_samples_is_wider_and_keeps_the_mean() -> None:
    samples = [[F(1)] * (place % 6) + [F(2)] * (5 - place % 6) for place in range(60)]
    golds = [F(1)] * 60
    found = votes.resampled(samples, golds, seed=1)
    assert found == votes.resampled(samples, golds, seed=1)
    assert found.mean == pytest.approx(0.5) and found.low < 0.5 < found.high
    sure = votes.resampled([[F(1)] * 5] * 30 + [[F(2)] * 5] * 30, golds, seed=1)
    assert sure.high - sure.low == pytest.approx(2 * 1.96 * (0.25 / 60) ** 0.5, rel=0.15)


def test_the_fewest_samples_that_could_decide() -> None:
    draw = random.Random(0)
    for _ in range(300):
        values = [draw.choice([None, *map(Fraction, range(3))]) for _ in range(draw.randrange(6))]
        left = draw.randrange(8)
        # The best case: all further samples say what leads now.
        seen = [value for value in values if value is not None]
        leader = max(seen, key=seen.count) if seen else Fraction(9)
        need = next(k for k in range(left + 1) if votes.decided([*values, *[leader] * k], left - k))
        assert votes.least(values, left) == need

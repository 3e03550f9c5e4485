"""The figures of the proof: what is counted, and what a divergence is."""

import math

import numpy as np
import pytest

from kamerton.develop.export.agreement import compare, divergence
from kamerton.engines.llamacpp.tokens import Answer


def logprobs(seed: int, size: int = 50) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(size) * 2
    return values - np.log(np.exp(values).sum())


def full(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import entropy

    return float(entropy(np.exp(one), np.exp(other)))


def told(row: np.ndarray, count: int) -> dict[int, float]:
    return {int(i): float(row[i]) for i in np.argsort(-row)[:count]}


def test_over_the_whole_vocabulary_it_is_the_kl_divergence() -> None:
    model, engine = logprobs(0), logprobs(1)
    assert divergence(model, told(engine, 50)) == pytest.approx(full(model, engine))
    assert divergence(model, told(model, 50)) == pytest.approx(0, abs=1e-12)


def test_over_the_likeliest_tokens_it_is_a_lower_bound_that_grows() -> None:
    model, engine = logprobs(0), logprobs(1)
    found = [divergence(model, told(engine, count)) for count in (1, 10, 25, 50)]
    assert found == sorted(found)
    assert 0 < found[0] < found[-1]


def answer(rows: list[np.ndarray | None]) -> Answer:
    likeliest = tuple(None if row is None else told(row, 5) for row in rows)
    return Answer([1, 2], list(range(len(rows))), likeliest)


def test_positions_are_counted_up_to_the_end_that_the_engine_sees() -> None:
    rows = [logprobs(i) for i in range(4)]
    end = int(rows[2].argmax())
    one = answer([rows[0], None, rows[2], rows[3]])
    found = compare([one], lambda _: np.stack(rows), {end})
    assert (found.positions, found.same_tokens, found.first_tokens) == (2, 2, 1)
    assert found.same_answers == found.answers == 1
    other = compare([one], lambda _: np.stack([rows[1], *rows[1:]]), {end})
    assert (other.same_tokens, other.same_answers, other.same_first_tokens) == (1, 0, 0)
    assert other.largest_logprob_difference > 0 < other.kl_largest


def test_nothing_to_compare_is_no_agreement() -> None:
    found = compare([answer([None])], lambda _: np.zeros((1, 50)), set())
    assert found.positions == 0
    assert math.isnan(found.kl_mean)

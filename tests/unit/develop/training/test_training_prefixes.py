"""Common beginnings are computed once, and nothing can be told from outside."""

from typing import Any

import pytest
import torch
from test_training_attention import gradients, model_of

from kamerton.develop.training import attention, checks

ROWS = [
    [5, 6, 7, 8, 9, 10],
    [5, 6, 7, 8, 11],
    [5, 6, 7, 12, 9, 10],
    [20, 6, 7, 8],
    [5, 6, 7, 8, 9, 10],
]


def test_the_tree_of_rows() -> None:
    flat, ends = [token for row in ROWS for token in row], [0, 6, 11, 17, 21, 27]
    of, first = attention.tree(flat, ends)
    assert of == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 0, 1, 2, 7, 8, 9, 10, 11, 12, 13, *range(6)]
    assert first == [0, 1, 2, 3, 4, 5, 10, 14, 15, 16, 17, 18, 19, 20]
    assert [flat[place] for place in first] == [5, 6, 7, 8, 9, 10, 11, 12, 9, 10, 20, 6, 7, 8]


def test_tokens_alike_after_a_difference_are_not_shared() -> None:
    of, _ = attention.tree([1, 2, 3, 9, 2, 3], [0, 3, 6])
    assert of == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral", "gemma", "olmo2"])
def test_logits_and_gradients_are_those_of_rows_alone(kind: str) -> None:
    model = model_of(kind)
    attention.use(model, longest=16)
    alone = attention.packed_logits(model)(ROWS)
    weights = torch.randn(alone.shape, generator=torch.Generator().manual_seed(1))
    wanted = gradients(model, (alone * weights).sum())
    assert attention.share_prefixes(model)
    seen = _tokens_seen(model)
    shared = attention.packed_logits(model)(ROWS)
    assert seen == [14], "the layers still see every token"
    torch.testing.assert_close(shared, alone, atol=1e-5, rtol=0)
    for got, expected in zip(gradients(model, (shared * weights).sum()), wanted, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def _tokens_seen(model: Any) -> list[int]:
    seen: list[int] = []
    layer = model.get_decoder().layers[1]
    layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    return seen


def test_the_self_test_of_isolation_sees_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("llama")
    attention.use(model, longest=16)
    attention.share_prefixes(model)
    logits = attention.packed_logits(model)
    assert checks.isolation(logits, ROWS[:3], 64, model).largest_difference <= 1e-5
    # The planted fault: rows alike in their second token are taken for rows of one beginning.
    fault = ([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 0, 1, 2, 7, 4, 5], [0, 1, 2, 3, 4, 5, 10, 14])
    monkeypatch.setattr(attention, "tree", lambda ids, ends: fault)
    with pytest.raises(Exception, match=r"document|документ"):
        checks.isolation(logits, ROWS[:3], 64, model)


def test_padded_rows_caches_and_generation_go_the_usual_way() -> None:
    model = model_of("llama")
    ids = torch.tensor([ROWS[0], [0, *ROWS[1]]])
    given = {"attention_mask": torch.tensor([[1] * 6, [0] + [1] * 5])}
    wanted, said = model(ids, **given).logits, model.generate(ids, **given, max_new_tokens=4)
    attention.use(model, longest=16)
    attention.share_prefixes(model)
    seen = _tokens_seen(model)
    torch.testing.assert_close(model(ids, **given).logits[0], wanted[0], atol=1e-5, rtol=0)
    assert seen == [6] and torch.equal(model.generate(ids, **given, max_new_tokens=4), said)


def test_rows_with_little_in_common_are_left_as_they_are() -> None:
    model = model_of("llama")
    attention.use(model, longest=64)
    attention.share_prefixes(model)
    seen = _tokens_seen(model)
    attention.packed_logits(model)([[*range(1, 60)], [1, *range(2, 60)][::-1]])
    assert seen == [118]


def test_not_where_rows_would_share_random_numbers() -> None:
    model = model_of("llama", attention_dropout=0.1)
    attention.use(model, longest=16)
    assert not attention.share_prefixes(model)
    padded = model_of("llama")
    assert not attention.share_prefixes(padded), "its rows are padded"


def test_it_can_be_taken_back_and_used_again() -> None:
    model = model_of("llama")
    attention.use(model, longest=16)
    for _ in range(2):
        assert attention.share_prefixes(model)
        assert not attention.share_prefixes(model), "once is enough"
        attention.unshare_prefixes(model)
    seen = _tokens_seen(model)
    attention.packed_logits(model)(ROWS)
    assert seen == [27]

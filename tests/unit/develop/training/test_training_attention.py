"""Documents that share a row are computed as if each were alone, and shared prefixes once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig

from kamerton.develop import hub
from kamerton.develop.training import attention, checks
from kamerton.develop.training.attention import flatten, packed_logits, use
from kamerton.formats.errors import InputError

DOCUMENTS = [[5, 6, 7, 8, 9, 10, 11], [12, 13], [14], [15, 16, 17, 18], [30, 31, 32, 33]]
ROWS = [
    [5, 6, 7, 8, 9, 10],
    [5, 6, 7, 8, 11],
    [5, 6, 7, 12, 9, 10],
    [20, 6, 7, 8],
    [5, 6, 7, 8, 9, 10],
]
SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}


def model_of(kind: str, **changes: Any) -> Any:
    from transformers import AutoConfig

    torch.manual_seed(0)
    wanted = {} if kind == "gpt2" else SMALL | {"head_dim": 8} if kind == "qwen3" else SMALL
    gpt = {"vocab_size": 64, "n_embd": 32, "n_layer": 3, "n_head": 4, "initializer_range": 0.2}
    config = AutoConfig.for_model(kind, **((gpt if kind == "gpt2" else wanted) | changes))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def gradients(model: Any, loss: Any) -> list[torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def test_one_row_of_positions_stands_for_all() -> None:
    """Padded rows of one length share their positions in transformers."""
    shared = {"position_ids": torch.arange(5)[None]}
    assert attention._lengths(shared, 2, 5) == [5, 5]


@pytest.mark.parametrize("kind", ["llama", "qwen3", "qwen2", "mistral", "gpt2", "gemma", "olmo2"])
def test_logits_and_gradients_are_those_of_each_document_alone(kind: str) -> None:
    model = model_of(kind)
    alone = torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in DOCUMENTS])
    weights = torch.randn(alone.shape, generator=torch.Generator().manual_seed(1))
    wanted = gradients(model, (alone * weights).sum())
    use(model, longest=16)
    packed = packed_logits(model)(DOCUMENTS)
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=0)
    for got, expected in zip(gradients(model, (packed * weights).sum()), wanted, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def test_boundaries_come_from_positions_as_well_and_for_several_rows() -> None:
    model = model_of("llama")
    rows = [DOCUMENTS[0] + DOCUMENTS[1], DOCUMENTS[3] + DOCUMENTS[2] + DOCUMENTS[4]]
    alone = [
        torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in documents])
        for documents in ([DOCUMENTS[0], DOCUMENTS[1]], [DOCUMENTS[i] for i in (3, 2, 4)])
    ]
    positions = torch.tensor([[*range(7), 0, 1], [*range(4), 0, *range(4)]])
    use(model, longest=16)
    packed = model(input_ids=torch.tensor(rows), position_ids=positions).logits
    torch.testing.assert_close(packed, torch.stack(alone), atol=1e-5, rtol=0)


def test_padded_rows_and_generation_are_as_before(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).eval()
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    left = {"input_ids": ids.flip(1), "attention_mask": mask.flip(1)}
    before = model(input_ids=ids, attention_mask=mask).logits
    said = model.generate(**left, max_new_tokens=6, do_sample=False)
    use(model, longest=1024)
    after = model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(after[0], before[0])
    torch.testing.assert_close(after[1, :3], before[1, :3])
    assert model.generate(**left, max_new_tokens=6, do_sample=False).tolist() == said.tolist()


def test_flattened_rows_begin_with_no_target() -> None:
    rows = [{"input_ids": [4, 5], "supervised": [True, True]}, {"input_ids": [6, 7, 8]}]
    batch = flatten(rows)
    assert batch["input_ids"].tolist() == [[4, 5, 6, 7, 8]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert batch["supervised"].tolist() == [[False, True, False, True, True]]
    assert batch["cu_seq_lens"].tolist() == [0, 2, 5]


def test_boundaries_that_do_not_fit_the_tokens_are_no_silent_leak() -> None:
    model = model_of("llama")
    use(model, longest=16)
    with pytest.raises(ValueError, match="there are 3 tokens"):
        model(input_ids=torch.tensor([[1, 2, 3]]), cu_seq_lens=torch.tensor([0, 1, 2]))


@pytest.mark.parametrize("kind", ["gemma2", "bloom", "mamba"])
def test_architectures_that_would_not_be_exact_are_refused(kind: str) -> None:
    model = model_of(kind, **({"n_head": 4} if kind == "bloom" else {}))
    before = model.config._attn_implementation
    with pytest.raises(InputError, match=kind):
        use(model, longest=16)
    assert model.config._attn_implementation == before


def test_a_window_counts_only_where_rows_are_longer() -> None:
    torch.manual_seed(0)
    config = MistralConfig(**SMALL, sliding_window=8)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with pytest.raises(InputError, match="last 8 tokens"):
        use(model, longest=9)
    alone = torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in DOCUMENTS])
    use(model, longest=8)
    torch.testing.assert_close(packed_logits(model)(DOCUMENTS), alone, atol=1e-5, rtol=0)


def test_the_saved_model_knows_nothing_of_it(tiny: Path, tmp_path: Path) -> None:
    model = hub.load_model(str(tiny))
    use(model, longest=64)
    model.save_pretrained(tmp_path)
    assert "documents" not in (tmp_path / "config.json").read_text()
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.config._attn_implementation == "sdpa"


def test_no_mask_is_made_and_each_document_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, Any]] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def spy(query: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append((query.shape[2], kwargs.get("attn_mask")))
        return real(query, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    model = model_of("llama")
    use(model, longest=16)
    packed_logits(model)(DOCUMENTS)
    assert calls == [(len(ids), None) for ids in DOCUMENTS] * SMALL["num_hidden_layers"]


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
def test_with_shared_prefixes_logits_and_gradients_are_those_of_rows_alone(kind: str) -> None:
    model = model_of(kind)
    use(model, longest=16)
    alone = packed_logits(model)(ROWS)
    weights = torch.randn(alone.shape, generator=torch.Generator().manual_seed(1))
    wanted = gradients(model, (alone * weights).sum())
    assert attention.share_prefixes(model)
    seen = _tokens_seen(model)
    shared = packed_logits(model)(ROWS)
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
    use(model, longest=16)
    attention.share_prefixes(model)
    logits = packed_logits(model)
    assert checks.isolation(logits, ROWS[:3], 64, model).largest_difference <= 1e-5
    # The planted fault: rows alike in their second token are taken for rows of one beginning.
    fault = ([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 0, 1, 2, 7, 4, 5], [0, 1, 2, 3, 4, 5, 10, 14])
    monkeypatch.setattr(attention, "tree", lambda ids, ends: fault)
    with pytest.raises(Exception, match=r"document|документ"):
        checks.isolation(logits, ROWS[:3], 64, model)


def test_padded_rows_caches_and_generation_share_no_prefix() -> None:
    model = model_of("llama")
    ids = torch.tensor([ROWS[0], [0, *ROWS[1]]])
    given = {"attention_mask": torch.tensor([[1] * 6, [0] + [1] * 5])}
    wanted, said = model(ids, **given).logits, model.generate(ids, **given, max_new_tokens=4)
    use(model, longest=16)
    attention.share_prefixes(model)
    seen = _tokens_seen(model)
    torch.testing.assert_close(model(ids, **given).logits[0], wanted[0], atol=1e-5, rtol=0)
    assert seen == [6] and torch.equal(model.generate(ids, **given, max_new_tokens=4), said)


def test_rows_with_little_in_common_are_left_as_they_are() -> None:
    model = model_of("llama")
    use(model, longest=64)
    attention.share_prefixes(model)
    seen = _tokens_seen(model)
    packed_logits(model)([[*range(1, 60)], [1, *range(2, 60)][::-1]])
    assert seen == [118]


def test_not_where_rows_would_share_random_numbers() -> None:
    model = model_of("llama", attention_dropout=0.1)
    use(model, longest=16)
    assert not attention.share_prefixes(model)
    padded = model_of("llama")
    assert not attention.share_prefixes(padded), "its rows are padded"


def test_it_can_be_taken_back_and_used_again() -> None:
    model = model_of("llama")
    use(model, longest=16)
    for _ in range(2):
        assert attention.share_prefixes(model)
        assert not attention.share_prefixes(model), "once is enough"
        attention.unshare_prefixes(model)
    seen = _tokens_seen(model)
    packed_logits(model)(ROWS)
    assert seen == [27]

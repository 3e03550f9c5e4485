"""Norms, gates and rotations are those of the architecture, or are left alone."""

import copy
import sys
from typing import Any

import pytest
import torch
from test_training_attention import gradients, model_of

from kamerton.develop.training import elementwise

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17, 18]])


def frozen(kind: str) -> Any:
    """A model of which only the embeddings and one layer are trained; norms weigh something."""
    model = model_of(kind)
    generator = torch.Generator().manual_seed(2)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("embed" in name or "layers.1.mlp.up" in name)
        if "norm" in name:
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [("llama", 7 + 3 + 1), ("qwen2", 7 + 3 + 1), ("qwen3", 13 + 3 + 1), ("mistral", 11)],
)
def test_logits_and_gradients_are_the_models_own(kind: str, replaced: int) -> None:
    model = frozen(kind)
    logits = model(input_ids=IDS).logits
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    wanted = gradients(model, (logits * weights).sum())
    try:
        assert elementwise.use(model) == replaced
        ours = model(input_ids=IDS).logits
        torch.testing.assert_close(ours, logits, atol=1e-5, rtol=0)
        for got, expected in zip(gradients(model, (ours * weights).sum()), wanted, strict=True):
            bound = 1e-5 * float(expected.abs().max())
            torch.testing.assert_close(got, expected, atol=bound, rtol=0)
    finally:
        elementwise.undo(model)
    assert not any("forward" in m.__dict__ for m in model.modules())
    assert torch.equal(model(input_ids=IDS).logits, logits)


@pytest.mark.parametrize("kind", ["gemma", "olmo2", "gpt2"])
def test_an_architecture_with_other_forms_computes_the_same(kind: str) -> None:
    """Gemma's norms add one to their weights and its gates are of another kind."""
    model = frozen(kind) if kind != "gpt2" else model_of(kind)
    wanted = model(input_ids=IDS).logits
    try:
        elementwise.use(model)
        torch.testing.assert_close(model(input_ids=IDS).logits, wanted, atol=1e-5, rtol=0)
    finally:
        elementwise.undo(model)


def test_a_layer_that_only_looks_alike_is_found_out() -> None:
    model = frozen("llama")

    class OddRMSNorm(type(model.model.norm)):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return super().forward(x) + 1e-3

    for layer in model.model.layers:
        layer.input_layernorm.__class__ = OddRMSNorm
        layer.mlp.act_fn = torch.nn.GELU()
    try:
        assert elementwise.use(model) == 3 + 1 + 1
    finally:
        elementwise.undo(model)


def test_norms_that_are_trained_get_their_gradient() -> None:
    model = model_of("llama")
    wanted = gradients(model, model(input_ids=IDS, labels=IDS).loss)
    try:
        elementwise.use(model)
        got = gradients(model, model(input_ids=IDS, labels=IDS).loss)
    finally:
        elementwise.undo(model)
    assert len(got) == len(list(model.parameters()))
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_no_random_number_is_drawn_and_other_rotations_stay() -> None:
    model = frozen("llama")
    home = sys.modules[type(model).__module__]
    own = home.apply_rotary_pos_emb
    torch.manual_seed(5)
    wanted = copy.deepcopy(torch.get_rng_state())
    elementwise.use(model)
    elementwise.undo(model)
    assert torch.equal(torch.get_rng_state(), wanted) and home.apply_rotary_pos_emb is own
    home.apply_rotary_pos_emb = lambda q, k, cos, sin: (q * cos[:, None], k)
    try:
        assert elementwise.use(model) == 7 + 3
    finally:
        elementwise.undo(model)
        home.apply_rotary_pos_emb = own

"""Products through oneDNN are linear layers; nothing else changes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.training import linear

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    monkeypatch.setattr(linear, "worthwhile", lambda: True)


@pytest.mark.parametrize("shape", [(7, 24), (2, 3, 24), (1, 1, 24)])
@pytest.mark.parametrize("biased", [False, True])
def test_result_and_gradients_are_those_of_a_linear_layer(
    shape: tuple[int, ...], biased: bool
) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(24, 40, bias=biased)
    x = torch.randn(shape, requires_grad=True)
    inputs = [x, layer.weight, *([layer.bias] if biased else [])]
    weights = torch.randn(*shape[:-1], 40)
    wanted = torch.autograd.grad((layer(x) * weights).sum(), inputs)
    assert linear.use(layer) == 1
    got = torch.autograd.grad((layer(x) * weights).sum(), inputs)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_the_same_product_gives_the_same_bytes() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(130, 96), torch.randn(72, 96)
    first = linear.product(x, weight)
    assert all(torch.equal(linear.product(x, weight), first) for _ in range(5))
    other = torch.randn(130, 72)
    torch.testing.assert_close(linear.plus(other, x, weight), other + first)


def test_a_model_computes_the_same_and_frozen_weights_get_no_gradient(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).requires_grad_(False)
    model.model.layers[1].mlp.up_proj.weight.requires_grad_(True)
    wanted = _step(model)
    count = sum(type(m) is torch.nn.Linear for m in model.modules())
    assert linear.use(model) == count == 29
    for one, other in zip(_step(model), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    linear.undo(model)
    assert not any("forward" in m.__dict__ for m in model.modules())
    assert all(torch.equal(*pair) for pair in zip(_step(model), wanted, strict=True))


def _step(model: Any) -> list[torch.Tensor]:
    model.zero_grad()
    out = model(input_ids=IDS, labels=IDS)
    out.loss.backward()
    graded = [p for p in model.parameters() if p.grad is not None]
    assert [p.requires_grad for p in graded] == [True]
    return [out.logits.detach(), graded[0].grad.clone()]


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_types_and_no_rows_go_torchs_own_way(kind: torch.dtype) -> None:
    layer = torch.nn.Linear(8, 4, dtype=kind)
    linear.use(layer)
    x = torch.ones(2, 8, dtype=kind)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    empty = torch.nn.Linear(8, 4)
    linear.use(empty)
    assert empty(torch.empty(0, 8)).shape == (0, 4)


def test_under_autocast_it_is_torchs_own() -> None:
    layer = torch.nn.Linear(8, 4)
    linear.use(layer)
    with torch.autocast("cpu"):
        assert layer(torch.ones(2, 8)).dtype == torch.bfloat16


def test_a_layer_whose_forward_pass_is_somebody_elses_is_left_alone() -> None:
    layer = torch.nn.Linear(8, 4)
    layer.forward = lambda x: x  # type: ignore[method-assign]
    assert linear.use(layer) == 0
    linear.undo(layer)
    assert layer(torch.ones(1)) == 1


def test_not_where_it_was_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not linear.worthwhile()
    assert linear.use(torch.nn.Linear(8, 4)) == 0

"""Products through oneDNN are linear layers, and LoRA's algebra is peft's; nothing else changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora.layer import Linear

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import linear
from kamerton.develop.tune.adapter import attach

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
TWO_ROWS = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17, 18]])


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    monkeypatch.setattr(linear, "onednn_pays", lambda: True)


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
    assert not linear.onednn_pays()
    assert linear.use(torch.nn.Linear(8, 4)) == 0


def adapted(tiny: Path, **changes: Any) -> Any:
    """A model whose update is not zero, as it is at the start of a training."""
    torch.manual_seed(0)
    model = attach(hub.load_model(str(tiny)), TuneSettings(rank=4, **changes)).train()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def results(model: Any) -> list[torch.Tensor]:
    """Logits, and the gradient of each trained tensor."""
    model.zero_grad()
    logits = model(input_ids=TWO_ROWS).logits
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    (logits * weights).sum().backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trained)
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)
    return [logits.detach(), *(p.grad.clone() for p in trained)]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    for got, wanted in zip(one, other, strict=True):
        bound = 1e-5 * max(1.0, float(wanted.abs().max()))
        torch.testing.assert_close(got, wanted, atol=bound, rtol=0)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    real = linear.LowRank.apply

    def apply(*args: Any) -> Any:
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(linear.LowRank, "apply", apply)
    return calls


@pytest.mark.parametrize("names", [["all-linear"], ["q_proj", "down_proj"]])
def test_results_and_gradients_are_those_of_peft(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    model = adapted(tiny, target_modules=names)
    wanted = results(model)
    layers = [m for m in model.modules() if isinstance(m, Linear)]
    assert linear.use_lora(model) == len(layers) == 4 * (7 if names == ["all-linear"] else 2)
    calls = counted(monkeypatch)
    same(results(model), wanted)
    assert len(calls) == len(layers)


def test_a_bias_of_the_frozen_layer_is_added() -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 3, 8), torch.randn(5, 8), torch.randn(5)
    first, second = torch.randn(2, 8), torch.randn(5, 2)
    got = linear.LowRank.apply(x, weight, bias, first, second, 0.5)
    torch.testing.assert_close(got, x @ (weight + 0.5 * second @ first).T + bias)


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    x, first, second = (
        torch.randn(shape, requires_grad=True) for shape in [(2, 3, 8), (2, 8), (5, 2)]
    )
    weight, direction = torch.randn(5, 8), torch.randn(2, 3, 5)

    def value() -> torch.Tensor:
        out = linear.LowRank.apply(x, weight, None, first, second, 0.5)
        return (out.double() * direction).sum()

    value().backward()
    for tensor in (x, first, second):
        step = torch.randn_like(tensor)
        along = float((tensor.grad.double() * step).sum())
        with torch.no_grad():
            up, down = (_moved(tensor, step, h, value) for h in (1e-2, -1e-2))
        assert (up - down) / 2e-2 == pytest.approx(along, rel=1e-3, abs=1e-3)


def _moved(
    tensor: torch.Tensor, step: torch.Tensor, by: float, value: Callable[[], torch.Tensor]
) -> float:
    tensor += by * step
    found = float(value())
    tensor -= by * step
    return found


@pytest.mark.parametrize("what", ["dropout", "disabled", "merged", "two", "autocast", "bias"])
def test_what_is_more_than_one_update_goes_pefts_own_way(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    model = adapted(tiny, dropout=0.3 if what == "dropout" else 0.0)
    if what == "two":
        model.add_adapter("other", model.peft_config["default"])
        model.base_model.set_adapter(["default", "other"])
    elif what == "merged":
        model.merge_adapter()
    elif what == "bias":
        for layer in model.modules():
            if isinstance(layer, Linear):
                layer.lora_B["default"].bias = torch.nn.Parameter(torch.ones(layer.out_features))
    linear.use_lora(model)
    calls = counted(monkeypatch)
    with torch.autocast("cpu", enabled=what == "autocast"), torch.no_grad():
        if what == "disabled":
            with model.disable_adapter():
                found = _seeded(model)
        else:
            found = _seeded(model)
        linear.undo_lora(model)
        if what == "disabled":
            with model.disable_adapter():
                wanted = _seeded(model)
        else:
            wanted = _seeded(model)
    assert calls == [] and torch.equal(found, wanted)


def _seeded(model: Any) -> torch.Tensor:
    torch.manual_seed(3)
    return model(input_ids=TWO_ROWS).logits  # type: ignore[no-any-return]


def test_dora_is_left_to_peft(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(tiny, method="dora")
    wanted = results(model)
    linear.use_lora(model)
    calls = counted(monkeypatch)
    same(results(model), wanted)
    assert calls == []


def test_dropout_acts_in_training_only(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(tiny, dropout=0.3)
    linear.use_lora(model)
    calls = counted(monkeypatch)
    model.eval()(input_ids=TWO_ROWS)
    assert len(calls) == 28


def test_nothing_of_it_is_saved_and_it_can_be_taken_back(tiny: Path, tmp_path: Path) -> None:
    model = adapted(tiny)
    before = results(model)
    names = set(model.state_dict())
    linear.use_lora(model)
    assert linear.use_lora(model) == 0, "a second time there is nothing to do"
    assert set(model.state_dict()) == names
    model.save_pretrained(tmp_path)
    linear.undo_lora(model)
    assert not any("forward" in m.__dict__ for m in model.modules())
    for one, other in zip(results(model), before, strict=True):
        assert torch.equal(one, other)


def test_no_gradient_is_computed_below_the_lowest_adapted_layer(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first layer's three, none needs a gradient of its input."""
    model = adapted(tiny, target_modules=["q_proj", "k_proj", "v_proj"])
    linear.use_lora(model)
    calls, plus = list[int](), linear.plus
    monkeypatch.setattr(linear, "plus", lambda *given: calls.append(1) or plus(*given))
    results(model)
    assert len(calls) == 12 + 9

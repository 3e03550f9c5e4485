"""A quantised base: near to the whole one, the same in training and evaluation, and learning."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune import loss
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.batches import collate, columns
from kamerton.develop.tune.loss import supervised_loss
from kamerton.formats.errors import InputError
from tune_chats import encoded

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12]])
FAR = {4: 0.2, 8: 0.01}
"""Nats of divergence that rounding a model of random weights to so many bits may make."""


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(input_ids=IDS).logits.log_softmax(-1)


@pytest.mark.parametrize("bits", [4, 8])
def test_evaluation_is_of_the_model_that_is_trained(tiny: Path, bits: int) -> None:
    whole = logits(hub.load_model(str(tiny)).eval())
    model = hub.load_quantised(str(tiny), bits)
    model.train()
    in_training = logits(model)
    in_evaluation = logits(model.eval())
    torch.testing.assert_close(in_evaluation, in_training, rtol=1e-5, atol=1e-5)
    far = float((whole.exp() * (whole - in_training)).sum(-1).mean())
    assert 0 < far < FAR[bits]
    assert model.get_memory_footprint() < hub.load_model(str(tiny)).get_memory_footprint() / 2


def gradients(tiny: Path, bits: int, evaluate: bool) -> dict[str, Any]:
    """Of each adapted layer, after one backward pass."""
    base, rows = hub.load_quantised(str(tiny), bits), encoded(tiny)
    if evaluate:
        loss.measure(base, rows)
    settings = TuneSettings.model_validate({"method": "qlora", "bits": bits, "rank": 2})
    torch.manual_seed(0)
    model = attach(base, settings).train()
    assert not model.get_input_embeddings().weight.requires_grad
    supervised_loss(model, collate(columns(rows))).backward()
    return {n: p.grad for n, p in model.named_parameters() if "lora_B" in n}


@pytest.mark.parametrize("bits", [4, 8])
def test_every_adapted_layer_learns_the_same_after_an_evaluation(tiny: Path, bits: int) -> None:
    """bitsandbytes repacks 4-bit weights in evaluation, and gradients then stop there, unsaid."""
    first, after = (gradients(tiny, bits, evaluate) for evaluate in (False, True))
    assert len(first) == 4 * 7 and all(float(one.abs().sum()) > 0 for one in first.values())
    assert all(one.dtype == torch.float32 for one in first.values())
    for name, one in first.items():
        torch.testing.assert_close(after[name], one, rtol=1e-4, atol=1e-6)


def test_nothing_is_loaded_where_bitsandbytes_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install bitsandbytes"):
        hub.load_quantised("/no/such/model", 4)


def test_a_build_that_cannot_run_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitsandbytes import cextension

    broken = cextension.ErrorHandlerMockBNBNativeLibrary("no symbol for this machine\nmore")
    monkeypatch.setattr(cextension, "lib", broken)
    with pytest.raises(InputError, match="no symbol for this machine"):
        hub.load_quantised("/no/such/model", 4)

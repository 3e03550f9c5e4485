"""Faults planted in files that look right: each is found before anything is served."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_models import CHATS, save_adapter, save_model

from kamerton.develop import hub
from kamerton.develop.export import adapters, folders, gguf, parity, vocabulary
from kamerton.engines.llamacpp.tokens import Answer
from kamerton.formats.errors import InputError

Weights = dict[str, Any]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("base"), "qwen3", head_dim=16)


@pytest.fixture(scope="module")
def adapter(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base, tmp_path_factory.mktemp("adapter"), 0.05, lora_alpha=8)


def changed(folder: Path, target: Path, change: Callable[[Weights], Weights]) -> Path:
    """A copy of an adapter with other weights."""
    from safetensors.torch import load_file, save_file

    target.mkdir()
    (target / "adapter_config.json").write_text((folder / "adapter_config.json").read_text())
    weights = change(load_file(folder / "adapter_model.safetensors"))
    save_file(weights, target / "adapter_model.safetensors")
    return target


def proven(base: str, trained: Path, served: Path, out: Path) -> parity.Effect:
    """The proof of an adapter, as the export makes it; `served` is what the file is made of."""
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base).eval()
    weights, ends = gguf.weights(model), vocabulary.ends(tokenizer)
    gguf.write_model(model, tokenizer, "chatml", "f16", out / "base.gguf")
    adapters.write_lora(served, model.config, out / "a.gguf")
    plain, tuned, again = parity.ask(out / "base.gguf", [out / "a.gguf"], tokenizer, CHATS, 1)
    before = parity.arm(plain, model, weights, out / "base.gguf", ends)
    with folders.adapted(model, trained) as peft:
        after = parity.arm(tuned, peft, weights, out / "base.gguf", ends)
    parity.hold(before, "f16", out)
    written = adapters.written(out / "a.gguf", out / "base.gguf")
    parity.hold_modules(adapters.trained(trained), written, out)
    effect = parity.effect(before, after, parity.repeat(plain, again))
    parity.hold_effect(effect, out)
    parity.hold(after, "f16", out)
    return effect


def test_an_adapter_does_in_the_engine_what_it_does_in_the_trainer(
    base: str, adapter: Path, tmp_path: Path
) -> None:
    effect = proven(base, adapter, adapter, tmp_path)
    assert effect.largest > 0.05
    assert effect.error < 0.05
    assert adapters.trained(adapter) == adapters.Modules(21, 21)


def without(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: v for name, v in weights.items() if part not in name}


def zero(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {n: v * (0 if part in n else 1) for n, v in weights.items()}


FAULTS = {
    "a layer is missing": (without("layers.1."), "export_part"),
    "half of each pair is missing": (without("layers.1.mlp.up_proj.lora_A"), "export_part"),
    "a layer does nothing": (zero("layers.1.mlp.up_proj.lora_B"), "export_part"),
    "nothing does anything": (zero("lora_B"), "export_part"),
    "twice the strength": (
        lambda weights: {n: v * (2 if "lora_B" in n else 1) for n, v in weights.items()},
        "export_effect",
    ),
    "another adapter": (
        lambda weights: {n: v.flip(0) if "lora_B" in n else v for n, v in weights.items()},
        "export_effect",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_that_is_served_otherwise_is_found(
    fault: str, base: str, adapter: Path, tmp_path: Path
) -> None:
    change, key = FAULTS[fault]
    served = changed(adapter, tmp_path / "served", change)
    out = tmp_path / "out"
    out.mkdir()
    if fault == "half of each pair is missing":  # the engine refuses such a file itself
        hub_model = hub.load_model(base)
        tokenizer = hub.load_tokenizer(base)
        gguf.write_model(hub_model, tokenizer, "chatml", "f16", out / "base.gguf")
        adapters.write_lora(served, hub_model.config, out / "a.gguf")
        written = adapters.written(out / "a.gguf", out / "base.gguf")
        with pytest.raises(InputError) as error:
            parity.hold_modules(adapters.trained(adapter), written, out)
    else:
        with pytest.raises(InputError) as error:
            proven(base, adapter, served, out)
    assert error.value.key == f"develop.{key}"
    assert str(error.value)


def test_a_real_effect_passes_however_small_and_a_dead_adapter_does_not(
    base: str, adapter: Path, tmp_path: Path
) -> None:
    """What a few small steps leave: updates of a ten-thousandth of the size."""
    parts = {"faint": 1e-4, "dead": 0.0}
    made = {}
    for name, size in parts.items():
        (tmp_path / f"{name}-out").mkdir()
        scaled = partial(_scaled, size)
        made[name] = changed(adapter, tmp_path / name, scaled)
    faint = proven(base, made["faint"], made["faint"], tmp_path / "faint-out")
    assert 0 <= faint.repeat < faint.largest < 1e-3
    with pytest.raises(InputError) as error:
        proven(base, made["dead"], made["dead"], tmp_path / "dead-out")
    assert error.value.key == "develop.adapter_inert"


def _scaled(size: float, weights: Weights) -> Weights:
    return {name: v * (size if "lora_B" in name else 1) for name, v in weights.items()}


def test_what_changes_when_asked_again_is_no_effect() -> None:
    first, again = (Answer([1], [5], ({5: p, 6: -2.0},)) for p in (-0.2, -0.25))
    silent = Answer([1], [7], (None,))
    noise = parity.repeat([first, silent], [again, silent])
    assert noise == pytest.approx(0.05)
    found = parity.Effect(largest=0.04, error=0.0, noise=0.0, repeat=noise)
    with pytest.raises(InputError) as error:
        parity.hold_effect(found, Path("a"))
    assert error.value.key == "develop.adapter_inert"
    parity.hold_effect(replace(found, largest=0.06), Path("a"))


def test_zeros_that_merging_would_round_are_found_before(adapter: Path, tmp_path: Path) -> None:
    parity.hold_acting(adapters.trained(adapter), adapter)
    dead = changed(adapter, tmp_path / "dead", zero("lora_B"))
    with pytest.raises(InputError) as error:
        parity.hold_acting(adapters.trained(dead), dead)
    assert error.value.key == "develop.adapter_inert"


def test_an_engine_that_leaves_the_adapter_off_is_found(
    base: str, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.engines.llamacpp.tokens import TokenDriver

    ask = TokenDriver.answer
    monkeypatch.setattr(TokenDriver, "answer", lambda self, ids, _, n: ask(self, ids, None, n))
    with pytest.raises(InputError) as error:
        proven(base, adapter, adapter, tmp_path)
    assert error.value.key == "develop.adapter_inert"


def test_an_adapter_that_the_engine_does_not_hold_is_found(
    base: str, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.engines.llamacpp.tokens import TokenDriver

    monkeypatch.setattr(TokenDriver, "loaded", lambda self: [])
    with pytest.raises(InputError) as error:
        proven(base, adapter, adapter, tmp_path)
    assert error.value.key == "develop.export_not_loaded"


def test_a_mark_of_beginning_that_the_engine_adds_is_found(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gguf import GGUFWriter

    add = GGUFWriter.add_add_bos_token
    monkeypatch.setattr(GGUFWriter, "add_add_bos_token", lambda self, _: add(self, True))
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base)
    tokenizer.bos_token = "<|endoftext|>"  # the engine takes one that the template writes off again
    gguf.write_model(model, tokenizer, "chatml", "f16", tmp_path / "base.gguf")
    with pytest.raises(InputError) as error:
        parity.ask(tmp_path / "base.gguf", [], tokenizer, CHATS, 1)
    assert error.value.key == "develop.export_bos"
    assert error.value.values == {"number": 1, "engine": 1, "trainer": 0}


def test_two_marks_of_beginning_on_both_sides_are_found_too() -> None:
    parity.same_ids([5, 6], [5, 6], 5, 1)
    with pytest.raises(InputError):
        parity.same_ids([5, 5, 6], [5, 5, 6], 5, 1)
    with pytest.raises(InputError) as error:
        parity.same_ids([5, 6, 7], [5, 6], 5, 1)
    assert error.value.key == "develop.parity_tokens"


@pytest.mark.parametrize(
    ("field", "value"),
    [("use_rslora", True), ("alpha_pattern", {"q_proj": 3}), ("bias", "all"), ("use_dora", True)],
)
def test_adapters_that_do_more_than_the_engines_can_are_refused(
    field: str, value: object, base: str, adapter: Path, tmp_path: Path
) -> None:
    more = changed(adapter, tmp_path / "more", lambda weights: weights)
    settings = json.loads((more / "adapter_config.json").read_text())
    (more / "adapter_config.json").write_text(json.dumps(settings | {field: value}))
    with pytest.raises(InputError) as error:
        adapters.write_lora(more, hub.load_model(base).config, tmp_path / "a.gguf")
    assert error.value.key == "develop.export_adapter_kind"
    assert field in str(error.value)
    assert not (tmp_path / "a.gguf").exists()


def test_an_adapter_on_the_output_layer_is_refused(
    base: str, adapter: Path, tmp_path: Path
) -> None:
    name = "base_model.model.lm_head.lora_A.weight"

    def with_head(weights: Weights) -> Weights:
        return weights | {name: next(iter(weights.values())).clone()}

    more = changed(adapter, tmp_path / "more", with_head)
    with pytest.raises(InputError) as error:
        adapters.write_lora(more, hub.load_model(base).config, tmp_path / "a.gguf")
    assert error.value.key == "develop.export_tensor"
    assert name in str(error.value)


def test_stored_weights_are_there_in_the_block_only(base: str, tmp_path: Path) -> None:
    import torch

    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base)
    gguf.write_model(model, tokenizer, "chatml", "q4_0", tmp_path / "base.gguf")
    weight = model.model.layers[0].self_attn.q_proj.weight
    kept = weight.detach().clone()
    with gguf.weights(model).as_stored(tmp_path / "base.gguf"):
        apart = (weight - kept).abs().max()
        assert 0 < apart < 0.2 * kept.abs().max()
        assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert torch.equal(weight, kept)

"""Each architecture computes in the engine what it computes in transformers; others are refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_models import SIZES, compared, save_model

from kamerton.develop.export import architectures, parity
from kamerton.develop.export.plan import Trained, plan
from kamerton.develop.settings import ExportSettings
from kamerton.formats.errors import InputError

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 128,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, untied": ("llama", {"tie_word_embeddings": False}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, wide heads": ("llama", {"head_dim": 32}),
    "llama, linear": ("llama", {"rope_parameters": LINEAR}),
    "llama, llama3": ("llama", {"rope_parameters": LLAMA3}),
    "llama, yarn": ("llama", {"rope_parameters": YARN}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral, wide heads": ("mistral", {"head_dim": 32, "sliding_window": 256}),
    "qwen2": ("qwen2", {}),
    "qwen2, untied, linear": ("qwen2", {"tie_word_embeddings": False, "rope_parameters": LINEAR}),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "qwen3, yarn": ("qwen3", {"head_dim": 16, "rope_parameters": YARN}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_engine_computes_the_same(case: str, tmp_path: Path) -> None:
    kind, changes = CASES[case]
    base = save_model(tmp_path / "model", kind, **changes)
    plan(ExportSettings(quantisation="f16", context=256), base, [])
    found = compared(base, tmp_path / "model.gguf").float
    assert found.positions > 10
    assert found.same_tokens >= 0.95 * found.positions
    assert found.kl_mean < 1e-4
    assert found.largest_logprob_difference < 0.03


@pytest.mark.parametrize("case", ["llama", "mistral", "qwen2", "qwen3"])
def test_the_wrong_order_of_q_and_k_is_found(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, changes = CASES[case]
    base = save_model(tmp_path / "model", kind, **changes)
    right = architectures.ARCHITECTURES[kind]
    wrong = replace(right, interleaved=not right.interleaved)
    monkeypatch.setitem(architectures.ARCHITECTURES, kind, wrong)
    for quantisation in ("f16", "q4_0"):
        found = compared(base, tmp_path / "model.gguf", quantisation)
        with pytest.raises(InputError) as error:
            parity.hold(found, quantisation, tmp_path)
        assert error.value.key == "develop.export_differs"


def test_a_forgotten_scaling_of_positions_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_model(tmp_path / "model", "llama", rope_parameters=LLAMA3)
    monkeypatch.setattr(architectures, "_add_factors", lambda *given: None)
    with pytest.raises(InputError):
        parity.hold(compared(base, tmp_path / "model.gguf"), "f16", tmp_path)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "window": ("mistral", {"sliding_window": 128}, "export_window"),
    "some layers slide": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1},
        "export_window",
    ),
    "dynamic": ("llama", {"rope_parameters": LINEAR | {"rope_type": "dynamic"}}, "export_rope"),
    "llama3 elsewhere": ("qwen2", {"rope_parameters": LLAMA3}, "export_rope"),
    "own factor": ("llama", {"rope_parameters": YARN | {"attention_factor": 2.0}}, "export_rope"),
    "gelu": ("llama", {"hidden_act": "gelu"}, "export_field"),
    "biases": ("qwen3", {"attention_bias": True}, "export_field"),
    "experts": ("mixtral", {"num_local_experts": 2}, "export_architecture"),
    "gpt2": ("gpt2", {"n_embd": 64, "n_head": 4, "n_layer": 1}, "export_architecture"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_engine_would_not_compute_is_refused_before_weights_load(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.develop import hub

    kind, changes, key = REFUSED[case]
    base = save_model(tmp_path / "model", kind, **(SIZES | changes))
    monkeypatch.setattr(hub, "load_model", lambda base: pytest.fail("weights were loaded"))
    with pytest.raises(InputError) as error:
        plan(ExportSettings(quantisation="f16", context=256), base, [Trained("x", tmp_path)][:0])
    assert error.value.key == f"develop.{key}"
    assert str(error.value)


def test_a_window_that_prompt_and_answer_fit_into_is_no_obstacle(tmp_path: Path) -> None:
    base = save_model(tmp_path / "model", "mistral", sliding_window=128)
    assert plan(ExportSettings(quantisation="f16", context=128), base, []) == []


def test_rows_come_back_from_the_engines_order() -> None:
    import numpy as np
    from transformers import LlamaConfig

    config = LlamaConfig(**SIZES)
    rows = np.arange(64 * 3).reshape(64, 3)
    name = "blk.0.attn_q.weight"
    there = architectures.to_engine(name, rows, config)
    assert not np.array_equal(there, rows)
    assert np.array_equal(architectures.to_engine(name, there, config, back=True), rows)
    assert np.array_equal(architectures.to_engine("blk.0.attn_v.weight", rows, config), rows)


def test_a_base_kind_is_one_entry_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another activation and norms that are stored with one added, as Gemma has them."""
    import numpy as np
    from transformers import LlamaConfig

    config, name = LlamaConfig(**SIZES, hidden_act="gelu"), "blk.0.attn_norm.weight"
    with pytest.raises(InputError, match="hidden_act = gelu"):
        architectures.check(config, 128)
    entry = replace(architectures.of(config), activation="gelu", norm_offset=1.0)
    monkeypatch.setitem(architectures.ARCHITECTURES, "llama", entry)
    architectures.check(config, 128)
    weights = np.array([0.0, 0.5], np.float32)
    stored = architectures.to_engine(name, weights, config)
    assert stored.tolist() == [1.0, 1.5] and stored.dtype == np.float32
    assert architectures.to_engine(name, stored, config, back=True).tolist() == [0.0, 0.5]

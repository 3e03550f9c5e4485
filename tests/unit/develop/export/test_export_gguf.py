"""Every kind of block holds the weights it was given, and the engine computes with it."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, quants
from small_models import compared, save_model

from kamerton.develop.export import gguf, parity
from kamerton.develop.export.plan import plan
from kamerton.develop.settings import ExportSettings
from kamerton.formats.errors import InputError

STEPS = {"F16": 1024, "Q8_0": 120, "Q4_0": 7, "Q4_1": 7, "Q5_0": 14, "Q4_K": 7, "Q6_K": 28}
"""Steps between zero and the largest value of a block, at least."""


@pytest.mark.parametrize("kind", STEPS)
def test_blocks_hold_the_values_to_half_a_step(kind: str) -> None:
    values = np.random.default_rng(0).standard_normal((5, 512)).astype(np.float32)
    blocks = gguf.quantised(values, kind)
    back = quants.dequantize(blocks, GGMLQuantizationType[kind])
    assert np.abs(back - values).max() < 0.75 * np.abs(values).max() / STEPS[kind]
    assert not np.array_equal(back, values)


def test_rows_are_quantised_each_on_its_own() -> None:
    values = np.random.default_rng(1).standard_normal((4, 256)).astype(np.float32)
    together = gguf.quantised(values, "Q4_K")
    alone = [gguf.quantised(values[i : i + 1], "Q4_K")[0] for i in range(4)]
    assert np.array_equal(together, np.stack(alone))
    strided = np.repeat(values, 2, axis=0)[::2]
    assert np.array_equal(together, gguf.quantised(strided, "Q4_K"))


def test_q4_k_m_is_finer_where_it_matters() -> None:
    def of(name: str, tied: bool = True, columns: int = 512) -> str:
        return gguf.kind(name, columns, "q4_k_m", tied, 16)

    finer = [i for i in range(16) if of(f"blk.{i}.attn_v.weight") == "Q6_K"]
    assert finer == [0, 1, 4, 7, 10, 13, 14, 15]
    assert of("blk.0.ffn_down.weight") == "Q6_K"
    assert of("blk.0.attn_q.weight") == "Q4_K"
    assert of("token_embd.weight") == of("output.weight", False) == "Q6_K"
    assert of("token_embd.weight", False) == "Q4_K"
    assert of("blk.2.attn_v.weight", columns=576) == "Q5_0"
    assert of("blk.0.attn_v.weight", columns=576) == "Q8_0"
    assert of("blk.2.attn_v.weight", columns=48) == "F16"


def test_other_quantisations_keep_the_outer_layers_at_eight_bits() -> None:
    assert gguf.kind("token_embd.weight", 64, "q4_0", True, 2) == "Q8_0"
    assert gguf.kind("blk.0.attn_q.weight", 64, "q4_0", True, 2) == "Q4_0"
    assert gguf.kind("blk.0.attn_q.weight", 48, "q4_0", True, 2) == "F16"
    assert gguf.kind("output.weight", 64, "f16", False, 2) == "F16"


@pytest.mark.parametrize("quantisation", get_args(gguf.Quantisation))
def test_the_engine_computes_with_each(quantisation: str, tmp_path: Path) -> None:
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
    base = save_model(tmp_path / "model", "llama", **sizes)
    file = tmp_path / "model.gguf"
    found = compared(base, file, quantisation)
    parity.hold(found, quantisation, file)
    held = {t.tensor_type.name for t in GGUFReader(file).tensors} - {"F32"}
    assert held == HELD[quantisation]
    if quantisation.startswith("q4"):  # what it costs is far more than the engine's arithmetic
        assert found.float.kl_mean > 5 * found.stored.kl_mean


HELD = {
    "f16": {"F16"},
    "q8_0": {"Q8_0"},
    "q4_0": {"Q4_0", "Q8_0"},
    "q4_1": {"Q4_1", "Q8_0"},
    "q4_k_m": {"Q4_K", "Q6_K"},
}


def test_settings_name_exactly_what_can_be_written() -> None:
    named = ExportSettings.model_fields["quantisation"].annotation
    assert get_args(named) == get_args(gguf.Quantisation)


def test_a_library_without_the_function_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "_FUNCTION", "ggml_no_such_function")
    plan(ExportSettings(quantisation="q8_0"), save_model(tmp_path / "m", "llama"), [])
    with pytest.raises(InputError) as error:
        plan(ExportSettings(quantisation="q4_k_m"), "nowhere", [])
    assert error.value.key == "develop.export_no_k_quants"
    assert "q4_1" in str(error.value)

"""A soft prompt acts where it is served as it did where it was trained."""

from pathlib import Path
from typing import Any

import pytest
from small_models import CHATS, save_model

from kamerton.develop import hub
from kamerton.develop.export import adapters, vocabulary
from kamerton.formats.errors import InputError


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("base"), "qwen3", head_dim=16)


def trained(base: str, folder: Path, size: float = 1.0) -> Path:
    import torch
    from peft import PromptTuningConfig, get_peft_model

    torch.manual_seed(3)
    config = PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    tuned = get_peft_model(hub.load_model(base), config)
    tuned.prompt_encoder["default"].embedding.weight.data.mul_(size)
    tuned.save_pretrained(folder, save_embedding_layers=False)
    return folder


def change(file: Path, how: Any) -> None:
    from safetensors.torch import load_file, save_file

    save_file({name: how(rows) for name, rows in load_file(file).items()}, file)


def check(base: str, adapter: Path, copied: Path) -> adapters.Reloaded:
    tokenizer = hub.load_tokenizer(base)
    prompts = [vocabulary.prompt_ids(tokenizer, messages) for messages in CHATS]
    return adapters.check_prompt(hub.load_model(base).eval(), adapter, copied, prompts)


def test_a_copy_gives_the_logits_of_its_embeddings_put_before_the_prompt(
    base: str, tmp_path: Path
) -> None:
    adapter = trained(base, tmp_path / "adapter")
    file = adapters.copy_prompt(adapter, tmp_path / "out" / "guide", "owner/model")
    found = check(base, adapter, file.parent)
    assert (found.chats, found.virtual_tokens, found.same_first_tokens) == (4, 3, 4)
    assert found.largest_logit_difference <= adapters.LARGEST
    assert found.effect > 0.01
    assert {path.name for path in file.parent.iterdir()} == {adapters.WEIGHTS, adapters.CONFIG}
    assert adapters.copy_prompt(adapter, file.parent, "owner/model") == file


def test_a_small_effect_passes_and_a_base_that_does_not_see_the_prompt_does_not(
    base: str, tmp_path: Path
) -> None:
    """Embeddings act through attention: it adds a ten-thousandth of what it did, then nothing."""
    import torch

    adapter = trained(base, tmp_path / "adapter")
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base).eval()
    prompts = [vocabulary.prompt_ids(tokenizer, messages) for messages in CHATS]

    def attention(size: float) -> None:
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.mul_(size)

    attention(1e-4)
    found = adapters.check_prompt(model, adapter, adapter, prompts)
    assert found.noise < found.effect < 1e-3
    attention(0.0)
    with pytest.raises(InputError) as error:
        adapters.check_prompt(model, adapter, adapter, prompts)
    assert error.value.key == "develop.adapter_inert"


@pytest.mark.parametrize("fault", ["other rows", "other order", "fewer rows"])
def test_a_copy_that_is_another_is_refused(fault: str, base: str, tmp_path: Path) -> None:
    import json

    adapter = trained(base, tmp_path / "adapter")
    file = adapters.copy_prompt(adapter, tmp_path / "copy", "")
    if fault == "fewer rows":
        config = file.parent / adapters.CONFIG
        told = json.loads(config.read_text()) | {"num_virtual_tokens": 2}
        config.write_text(json.dumps(told))
        change(file, lambda rows: rows[:2].clone())
    else:
        change(file, lambda rows: rows + 0.01 if fault == "other rows" else rows.flip(0))
    with pytest.raises(InputError) as error:
        check(base, adapter, file.parent)
    assert error.value.key == "develop.export_soft"
    assert str(error.value)

"""Merging changes nothing but the form, and a merge that does is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_models import CHATS, save_adapter, save_model

from kamerton.develop import hub
from kamerton.develop.export import folders, vocabulary
from kamerton.formats.errors import InputError


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("base"), "qwen2")


@pytest.fixture(scope="module", params=["lora", "dora"])
def adapter(request: Any, base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return save_adapter(base, folder, 0.1, use_dora=request.param == "dora")


def prompts(base: str) -> list[list[int]]:
    tokenizer = hub.load_tokenizer(base)
    return [vocabulary.prompt_ids(tokenizer, chat) for chat in CHATS]


def logits(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits


def test_the_merged_folder_is_base_and_adapter_for_other_programs(
    base: str, adapter: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, ids = hub.load_tokenizer(base), prompts(base)
    with folders.adapted(hub.load_model(base), adapter) as tuned:
        whole, difference = folders.merged(base, adapter, tuned, ids)
        meant = [logits(tuned, one) for one in ids]
    folders.save(whole, tokenizer, "chatml", tmp_path / "merged")
    assert 0 <= difference < folders.LARGEST
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    for one, row in zip(ids, meant, strict=True):
        assert float((logits(again, one) - row).abs().max()) < folders.LARGEST
    assert again.lm_head.weight is again.model.embed_tokens.weight
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert again.generation_config.eos_token_id == again.config.eos_token_id == end
    assert again.generation_config.pad_token_id == tokenizer.pad_token_id
    theirs = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert "endgeneration" not in theirs.chat_template
    assert [vocabulary.prompt_ids(theirs, chat) for chat in CHATS] == ids
    assert not list(tmp_path.glob("*.new"))


def test_taking_an_adapter_off_gives_the_base_back(base: str, adapter: Path) -> None:
    model, ids = hub.load_model(base).eval(), prompts(base)[0]
    before = logits(model, ids)
    with folders.adapted(model, adapter) as tuned:
        assert not logits(tuned, ids).equal(before)
    assert logits(model, ids).equal(before)


def test_a_merge_into_another_base_is_refused(base: str, adapter: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    other = AutoModelForCausalLM.from_pretrained(base)
    other.model.layers[0].mlp.up_proj.weight.data.add_(0.02)
    other.save_pretrained(tmp_path / "other")
    with (
        folders.adapted(hub.load_model(base), adapter) as tuned,
        pytest.raises(InputError) as error,
    ):
        folders.merged(str(tmp_path / "other"), adapter, tuned, prompts(base))
    assert error.value.key == "develop.export_merge"
    assert "another base" in str(error.value)


def test_untied_embeddings_are_refused_and_tied_ones_kept(base: str, tmp_path: Path) -> None:
    import torch

    from kamerton.develop.export import gguf

    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    folders.check_tied(model)  # two matrices of one content lose nothing
    model.lm_head.weight.data[0, 0] += 1
    for write in (
        lambda: folders.save(model, tokenizer, "chatml", tmp_path / "merged"),
        lambda: gguf.write_model(model, tokenizer, "chatml", "f16", tmp_path / "m.gguf"),
    ):
        with pytest.raises(InputError) as error:
            write()
        assert error.value.key == "develop.export_untied"
    assert list(tmp_path.iterdir()) == []


def test_an_end_of_text_ends_generation_too(base: str, tmp_path: Path) -> None:
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base)
    tokenizer.eos_token = "<|endoftext|>"
    folders.save(model, tokenizer, "chatml", tmp_path / "merged")
    told = json.loads((tmp_path / "merged" / "generation_config.json").read_text())
    assert told["eos_token_id"] == [tokenizer.convert_tokens_to_ids("<|im_end|>"), 0]

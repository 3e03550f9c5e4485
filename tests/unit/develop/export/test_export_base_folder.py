"""The float base that an export brings along: the base itself, whatever form it has."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_models import CHATS, save_model

from kamerton.develop import hub
from kamerton.develop.export import folders, vocabulary
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.manifest import tree_sha256
from template_tokenizers import MADE


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("base"), "qwen3", head_dim=16)


def bring(base: str, target: Path) -> Path:
    """Bring a base along and look at it."""
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base).eval()
    prompts = [vocabulary.prompt_ids(tokenizer, messages) for messages in CHATS]
    folders.save_base(base, model, tokenizer, target)
    folders.check_base(target, model, CHATS, prompts)
    return target


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("model*")}


def test_a_folders_files_are_copied_and_another_program_reads_them(
    base: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "of an export before").touch()
    target = bring(base, tmp_path / "weights")
    one, other = Path(base) / "model.safetensors", target / "model.safetensors"
    assert one.read_bytes() == other.read_bytes() and not one.samefile(other)
    assert json.loads((target / folders.HASHES).read_text()) == {
        name: value for name, value in tree_sha256(target).items() if name != folders.HASHES
    }
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert not (target / "of an export before").exists()
    tokenizer: Any = AutoTokenizer.from_pretrained(target)
    assert "generation %}" not in tokenizer.chat_template
    model: Any = AutoModelForCausalLM.from_pretrained(target)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.eos_token_id == end


def test_nothing_in_it_tells_where_the_base_lay(base: str, tmp_path: Path) -> None:
    named = shutil.copytree(base, tmp_path / "named")
    for name, field in (("config", "_name_or_path"), ("tokenizer_config", "name_or_path")):
        told = json.loads((named / f"{name}.json").read_text())
        (named / f"{name}.json").write_text(json.dumps(told | {field: base}))
    for file in bring(str(named), tmp_path / "weights").iterdir():
        content = file.read_bytes()
        assert not [path for path in (base, str(named)) if path.encode() in content], file.name


def test_shards_are_brought_with_their_index(base: str, tmp_path: Path) -> None:
    parted = shutil.copytree(base, tmp_path / "parted")
    (parted / "model.safetensors").unlink()
    hub.load_model(base).save_pretrained(parted, max_shard_size="100KB")
    assert len(files(parted)) > 3
    assert files(bring(str(parted), tmp_path / "weights")) == files(parted)


def test_a_base_without_safetensors_is_written_anew(base: str, tmp_path: Path) -> None:
    import torch

    old = shutil.copytree(base, tmp_path / "old")
    (old / "model.safetensors").unlink()
    torch.save(hub.load_model(base).state_dict(), old / "pytorch_model.bin")
    target = bring(str(old), tmp_path / "weights")
    assert files(target) == {"model.safetensors"} and not list(target.glob("*.bin"))


def test_its_template_is_the_one_of_its_kind(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    base = save_model(tmp_path / "base", "llama", MADE["llama"](), num_hidden_layers=1)
    tokenizer: Any = AutoTokenizer.from_pretrained(bring(base, tmp_path / "weights"))
    assert tokenizer.chat_template == templates.for_engine("plain-bos")


def test_files_of_the_hubs_cache_are_linked(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub id in the hub's cache: blobs, and a snapshot of links to them."""
    import huggingface_hub.constants as constants

    home = tmp_path / "hub" / "models--owner--name"
    snapshot = home / "snapshots" / "c0ffee"
    for folder in (snapshot, home / "blobs", home / "refs"):
        folder.mkdir(parents=True)
    (home / "refs" / "main").write_text("c0ffee")
    for number, file in enumerate(sorted(Path(base).iterdir())):
        blob = shutil.copyfile(file, home / "blobs" / str(number))
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    target = bring("owner/name", tmp_path / "weights")
    brought = target / "model.safetensors"
    assert brought.samefile(snapshot / "model.safetensors") and not brought.is_symlink()


def test_files_of_the_converted_embedded_model_are_linked(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_embedded", lambda: Path(base))
    target = bring("embedded", tmp_path / "weights")
    assert (target / "model.safetensors").samefile(Path(base) / "model.safetensors")
    assert not (target / "config.json").samefile(Path(base) / "config.json")


def test_where_links_cannot_be_made_files_are_copied(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(folders, "_cached", lambda base: True)
    assert files(bring(base, tmp_path / "weights")) == {"model.safetensors"}


@pytest.mark.parametrize("fault", ["weights", "vocabulary"])
def test_another_base_is_refused(fault: str, base: str, tmp_path: Path) -> None:
    target = bring(base, tmp_path / "weights")
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base)
    prompts = [vocabulary.prompt_ids(tokenizer, messages) for messages in CHATS]
    if fault == "weights":
        other = hub.load_model(base)
        other.model.layers[1].mlp.up_proj.weight.data[0, 0] += 1e-6
        other.save_pretrained(target)
    else:
        prompts[-1] = prompts[-1][:-1]
    with pytest.raises(InputError) as error:
        folders.check_base(target, model, CHATS, prompts)
    keys = {"weights": "develop.export_base_copy", "vocabulary": "develop.parity_tokens"}
    assert error.value.key == keys[fault] and str(target) in str(error.value)

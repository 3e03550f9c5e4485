"""A served folder with something wrong is refused in words before anything is loaded."""

import json
import shutil
from pathlib import Path

import pytest

from kamerton.engines.child import ChildProcess
from kamerton.formats.errors import InputError
from kamerton.formats.manifest import tree_sha256
from kamerton.formats.serving import FILE
from kamerton.serve.folder import load_spec, weights
from kamerton.serve.run import serve
from kamerton.serve.settings import ServeSettings
from tiny import write_prompt, write_spec


@pytest.fixture
def folder(tmp_path: Path, tiny: Path) -> Path:
    return write_spec(tmp_path / "spec", prompts=("soft",), weights=str(tiny))


def change(folder: Path, **fields: object) -> None:
    """Other values for fields of serving.json."""
    spec = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps(spec | fields))


def refused(folder: Path, key: str) -> str:
    """The text with which a folder is refused; fails where it is not, or for another reason."""
    with pytest.raises(InputError) as caught:
        weights(folder, load_spec(folder))
    assert caught.value.key == key, caught.value
    return str(caught.value)


def test_a_whole_folder_gives_its_float_base(folder: Path, tiny: Path) -> None:
    assert weights(folder, load_spec(folder)) == str(tiny.resolve())


def test_a_float_base_may_lie_in_the_folder(folder: Path, tiny: Path) -> None:
    (folder / "float").symlink_to(tiny)
    change(folder, weights="float")
    assert weights(folder, load_spec(folder)) == str(tiny.resolve())


def test_without_soft_prompts_no_float_base_is_needed(tmp_path: Path) -> None:
    assert weights(tmp_path, load_spec(write_spec(tmp_path, weights="embedded"))) == ""


@pytest.mark.parametrize("given", ["", "embedded", "owner/name", "/no/such", "../x"])
def test_a_float_base_that_is_nowhere_is_told(folder: Path, given: str) -> None:
    change(folder, weights=given)
    said = refused(folder, "serve.weights_missing")
    assert FILE in said and f"'{given}'" in said


@pytest.mark.parametrize("name", ["", "base", "museum", "x+rag"])
def test_a_name_that_is_no_model_id_of_its_own_is_told(folder: Path, name: str) -> None:
    adapters = json.loads((folder / FILE).read_text())["adapters"]
    change(folder, adapters=[*adapters, adapters[1] | {"name": name}])
    assert f"'{name}'" in refused(folder, "serve.bad_name")


def test_a_list_that_is_no_json_or_has_a_wrong_field_is_told(folder: Path) -> None:
    change(folder, context="wide")
    assert "wide" in refused(folder, "formats.wrong_value")
    (folder / FILE).write_text('{\n"base": ,\n}')
    assert f"{FILE}:2" in refused(folder, "formats.not_json")
    (folder / FILE).write_text("[]")
    refused(folder, "formats.not_object")
    (folder / FILE).unlink()
    assert FILE in refused(folder, "formats.file_missing")


@pytest.mark.parametrize("name", ["base.gguf", "museum.gguf", "soft/adapter_model.safetensors"])
def test_a_file_with_one_bit_turned_is_told(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert name in refused(folder, "serve.corrupt")


def test_another_template_than_the_trainers_is_told(folder: Path) -> None:
    change(folder, template="alpaca")
    assert "'alpaca'" in refused(folder, "serve.template_changed")
    change(folder, template="chatml", template_sha256="0" * 64)
    assert "'chatml'" in refused(folder, "serve.template_changed")


def replace_prompt(folder: Path, file: Path) -> None:
    """Another soft prompt in place of `soft`, with the right hash."""
    from kamerton.formats.manifest import sha256

    adapters = json.loads((folder / FILE).read_text())["adapters"]
    place = str(file.relative_to(folder))
    change(folder, adapters=[adapters[0], adapters[1] | {"file": place, "sha256": sha256(file)}])


def test_a_soft_prompt_of_another_base_is_told(folder: Path) -> None:
    replace_prompt(folder, write_prompt(folder / "wide", 1, hidden=96))
    said = refused(folder, "serve.prompt_shape")
    assert "wide" in said and "[4, 96]" in said and "[4, 128]" in said


def test_settings_that_say_another_length_are_told(folder: Path) -> None:
    file = write_prompt(folder / "long", 1, virtual_tokens=6)
    config = json.loads(file.with_name("adapter_config.json").read_text())
    file.with_name("adapter_config.json").write_text(json.dumps(config | {"num_virtual_tokens": 5}))
    replace_prompt(folder, file)
    said = refused(folder, "serve.prompt_shape")
    assert "[6, 128]" in said and "[5, 128]" in said


def test_another_method_in_place_of_a_soft_prompt_is_told(folder: Path) -> None:
    config = folder / "soft" / "adapter_config.json"
    config.write_text(json.dumps({"peft_type": "LORA"}))
    assert "'LORA'" in refused(folder, "serve.not_a_prompt")
    config.unlink()
    assert "adapter_config.json" in refused(folder, "formats.file_missing")


def test_a_file_without_a_soft_prompt_is_told(folder: Path) -> None:
    file = folder / "soft" / "adapter_model.safetensors"
    file.write_bytes(b"no tensors")
    replace_prompt(folder, file)
    assert str(file) in refused(folder, "serve.prompt_unreadable")
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"other": np.zeros(2, np.float32)}, file)
    replace_prompt(folder, file)
    assert "prompt_embeddings" in refused(folder, "serve.prompt_unreadable")


def test_a_folder_may_name_other_servers_only(tmp_path: Path) -> None:
    remote = {"base_url": "http://127.0.0.1:11434/v1", "models": {"small": "qwen3:0.6b"}}
    (tmp_path / FILE).write_text(json.dumps({"remote": [remote]}))
    spec = load_spec(tmp_path)
    assert spec.remote[0].models == {"small": "qwen3:0.6b"} and weights(tmp_path, spec) == ""


@pytest.mark.parametrize("given", [{}, {"adapters": [{"name": "a", "file": "a", "sha256": ""}]}])
def test_a_folder_that_offers_nothing_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    (tmp_path / FILE).write_text(json.dumps(given))
    with pytest.raises(InputError) as caught:
        load_spec(tmp_path)
    assert caught.value.key == "serve.no_base"


@pytest.fixture
def brought(tiny: Path, tmp_path: Path) -> Path:
    """A served folder with its float base in it, as an export leaves it."""
    folder = write_spec(tmp_path / "spec", (), prompts=("soft",), weights="weights")
    shutil.copytree(tiny, folder / "weights")
    (folder / "weights" / "hashes.json").write_text(json.dumps(tree_sha256(folder / "weights")))
    return folder


def test_a_float_base_that_was_brought_along_may_move_with_its_folder(
    brought: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = brought.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    for given in (moved, Path("moved")):
        assert weights(given, load_spec(given)) == str(moved / "weights")


@pytest.mark.parametrize("fault", ["gone", "cut off", "a bit turned", "a file gone"])
def test_a_float_base_that_is_not_the_exports_is_told_before_any_engine_starts(
    fault: str, brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(engine: object) -> None:
        pytest.fail("an engine was started")

    monkeypatch.setattr(ChildProcess, "start", started)
    file = brought / "weights" / "model.safetensors"
    if fault == "gone":
        shutil.rmtree(brought / "weights")
    elif fault == "a file gone":
        file = brought / "weights" / "tokenizer.json"
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content[:-5] if fault == "cut off" else content)
    with pytest.raises(InputError) as caught:
        serve(brought, ServeSettings(port=0))
    said = "serve.weights_missing" if fault == "gone" else "serve.corrupt"
    assert caught.value.key == said
    assert str(brought / "serving.json" if fault == "gone" else file) in str(caught.value)

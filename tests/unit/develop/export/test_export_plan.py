"""An adapter names its base without a path of the machine, and is still held to it."""

import json
from pathlib import Path

import pytest
from small_models import save_model

from kamerton.develop import hub
from kamerton.develop.export.plan import Trained, plan
from kamerton.develop.settings import ExportSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save_model(tmp_path_factory.mktemp("models") / "mine", "qwen3", head_dim=16))


def trained(folder: Path, recorded: str | None, name: str = "guide") -> Trained:
    config = {"peft_type": "PROMPT_TUNING", "base_model_name_or_path": recorded}
    write_text(folder / "adapter" / "adapter_config.json", json.dumps(config))
    write_text(folder / "training.json", json.dumps({"method": "prompt"}))
    return Trained(name, folder)


def test_a_folder_is_known_by_its_last_part(base: Path) -> None:
    assert hub.known_as(str(base)) == "mine"
    assert hub.known_as("owner/model") == "owner/model"
    assert hub.known_as("embedded") == "embedded"


@pytest.mark.parametrize("recorded", ["mine", None, "", "owner/model", "embedded", "/gone/mine"])
def test_an_adapter_that_may_be_of_the_base_is_taken(
    recorded: str | None, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()  # a folder of that name here means nothing
    monkeypatch.chdir(tmp_path)
    (found,) = plan(ExportSettings(), str(base), [trained(tmp_path / "tune", recorded)])
    assert (found.method, found.kind) == ("prompt", "prompt")


@pytest.mark.parametrize("recorded", ["other", "a folder"])
def test_an_adapter_of_another_base_is_refused(recorded: str, base: Path, tmp_path: Path) -> None:
    said = str(tmp_path) if recorded == "a folder" else recorded
    with pytest.raises(InputError) as error:
        plan(ExportSettings(), str(base), [trained(tmp_path / "tune", said)])
    assert error.value.key == "develop.export_other_base"
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["base", "merged", "index", "weights"])
def test_names_of_the_exports_own_files_are_taken(name: str, base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        plan(ExportSettings(), str(base), [trained(tmp_path / "tune", "mine", name)])
    assert error.value.key == "develop.export_name" and "weights" in str(error.value)

"""Which weights a run's name stands for."""

from pathlib import Path

import pytest

from kamerton.app.weights import located
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.pipeline import folder as folders


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def base() -> Path:
    write_text(Path("base/config.json"), "{}")
    return Path("base")


def run(name: str, base: Path, **stages: list[str]) -> Path:
    """A finished run with these stages, and in each of them these files."""
    place, found = folders.new_run(folders.ROOT, name), {}
    for stage, files in stages.items():
        folder = folders.stage_folder(folders.ROOT, stage.replace("_", "-"), "1")
        for file in ["manifest.json", *files]:
            write_text(folder / file, "{}")
        found[stage.replace("_", "-")] = str(folder.relative_to(folders.ROOT))
    write_text(place / folders.RECIPE, f'{{"name": "{name}", "base": "{base}"}}')
    folders.RunRecord(recipe=name, recipe_file="r.yaml", folder=".", stages=found).write(place)
    folders.point_latest(place)
    return place


ADAPTER = ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]


def test_a_folder_of_weights_is_itself(base: Path) -> None:
    assert located("base") == ("base", "")


def test_an_adapter_stands_on_its_base(base: Path) -> None:
    run("museum", base, data=[], tune=ADAPTER)
    weights, adapter = located("museum")
    assert (weights, Path(adapter).name) == ("base", "adapter")


def test_a_model_from_scratch_and_a_fully_tuned_one_are_whole(base: Path) -> None:
    run("novels", base, data=[], pretrain=["model/config.json"])
    run("full", base, data=[], tune=["model/config.json"])
    for name, stage in (("novels", "pretrain-1"), ("full", "tune-1")):
        weights, adapter = located(name)
        assert (Path(weights).parts[-2:], adapter) == ((stage, "model"), "")


def test_one_of_several_adapters_is_named(base: Path) -> None:
    run("two", base, tune_code=ADAPTER, tune_law=ADAPTER)
    assert "tune-law" in located("two#law")[1]
    with pytest.raises(
        InputError, match="several adapters; name one of them as two#NAME: code, law"
    ):
        located("two")
    with pytest.raises(InputError, match="no adapter “art”"):
        located("two#art")


def test_a_run_without_weights_says_so(base: Path) -> None:
    run("cards", base, data=[])
    with pytest.raises(InputError, match="trained no model"):
        located("cards")
    run("gone", base, tune=[])
    with pytest.raises(InputError, match="weights are gone"):
        located("gone")

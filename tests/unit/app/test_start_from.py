"""`start_from` names a run or a folder beside the recipe; the tune stage is told the adapter's."""

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import call
from kamerton.app.chain import with_starts
from kamerton.app.recipe import Recipe, resolve
from kamerton.app.stages import stages
from kamerton.formats.errors import InputError
from kamerton.pipeline import folder as folders
from kamerton.pipeline.graph import plan

ROWS = "{kind: rows, rights: {licence: MIT}, sources: [{name: rows.jsonl}]}"
CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "embedded"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    return tmp_path


def adapter(folder: Path, weights: str = "w", **changes: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | changes), "utf-8")
    (folder / "adapter_model.safetensors").write_text(weights, "utf-8")
    return folder


def run_of(name: str, *tuned: str, made: str = "adapter", **changes: object) -> None:
    """A finished run with these tune stages."""
    stages = {}
    for stage in tuned:
        folder = folders.stage_folder(folders.ROOT, stage, f"{name}{len(folders.all_runs(ROOT))}")
        adapter(folder / made, **changes)
        stages[stage] = str(folder.relative_to(folders.ROOT))
    place = folders.new_run(folders.ROOT, name)
    folders.RunRecord(recipe=name, recipe_file="r", folder=".", stages=stages).write(place)
    folders.point_latest(place)


ROOT = folders.ROOT


def recipe(text: str, home: Path, **tune: object) -> tuple[Recipe, Path]:
    path = home / "recipes" / "recipe.yaml"
    settings = json.dumps({"start_from": text, "rank": 4, "alpha": 8} | tune)
    path.write_text(f"name: next\ndata: {ROWS}\ntune: {settings}\n", "utf-8")
    return resolve(path), path


def start_of(found: Recipe) -> str:
    assert found.tune is not None
    return found.tune.start_from


def test_a_run_gives_the_adapter_of_its_newest_stage(here: Path) -> None:
    run_of("museum", "tune")
    run_of("museum", "tune")
    newest, oldest = (start_of(with_starts(*recipe(n, here))) for n in ("museum", "museum/1"))
    # Not absolute: it is written into training.json, and from there into the card.
    assert newest == "runs/.stages/tune-museum1/adapter"
    assert oldest == "runs/.stages/tune-museum0/adapter"


@pytest.mark.parametrize("text", ["old", "old/adapter", "./old"])
def test_a_path_starts_at_the_recipe(text: str, here: Path) -> None:
    adapter(here / "recipes" / "old" / "adapter")
    assert start_of(with_starts(*recipe(text, here))) == "recipes/old/adapter"
    whole = str(here / "recipes" / "old")
    assert start_of(with_starts(*recipe(whole, here))) == "recipes/old/adapter"


def test_a_folder_beside_the_recipe_comes_before_a_run(here: Path) -> None:
    run_of("old", "tune")
    adapter(here / "recipes" / "old")
    assert start_of(with_starts(*recipe("old", here))) == "recipes/old"


def test_nothing_named_is_nothing_changed(here: Path) -> None:
    found, path = recipe("", here)
    assert with_starts(found, path) == found


def test_of_several_adapters_the_one_of_the_same_name_is_taken(here: Path) -> None:
    run_of("two", "tune-code", "tune-papers")
    path = here / "recipes" / "recipe.yaml"
    part = f"{{data: {ROWS}, tune: {{start_from: two, rank: 4, alpha: 8}}}}"
    path.write_text(f"adapters: {{papers: {part}, code: {part}}}\n", "utf-8")
    found = with_starts(resolve(path), path)
    starts = {name: part.tune.start_from for name, part in found.parts.items()}
    assert starts == {
        "papers": "runs/.stages/tune-papers-two0/adapter",
        "code": "runs/.stages/tune-code-two0/adapter",
    }
    with pytest.raises(InputError) as caught:
        with_starts(*recipe("two", here))
    assert caught.value.key == "app.start_several" and "code, papers" in str(caught.value)


def refused(*given: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        with_starts(*given)
    assert str(caught.value)
    return caught.value


def test_what_is_not_there_is_told_with_its_line_and_what_there_is(here: Path) -> None:
    run_of("museum", "tune")
    error = refused(*recipe("musuem", here))
    assert error.key == "app.start_missing" and error.where.endswith("recipe.yaml:3")
    assert "musuem" in str(error) and "museum" in str(error) and "tune.start_from" in str(error)


@pytest.mark.parametrize(("stages", "made"), [((), "adapter"), (("tune",), "model")])
def test_a_run_without_an_adapter_is_told(stages: tuple[str, ...], made: str, here: Path) -> None:
    run_of("corpus", *stages, made=made)
    assert refused(*recipe("corpus", here)).key == "app.start_no_adapter"


def test_an_adapter_that_does_not_fit_is_told_before_anything_runs(here: Path) -> None:
    run_of("museum", "tune")
    assert refused(*recipe("museum", here, rank=5)).key == "develop.tune_start_differs"
    assert refused(*recipe("museum", here, method="full")).key == "develop.tune_start_full"


def test_the_command_tells_it_with_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = recipe("nobody", here)
    assert call("run", path) == 2
    assert "tune.start_from" in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_the_tune_stage_depends_on_the_adapters_bytes(here: Path) -> None:
    (here / "recipes" / "rows.jsonl").write_text("{}\n", "utf-8")

    def hashes() -> dict[str, str]:
        found, path = recipe("old", here)
        planned = plan(stages(with_starts(found, path), path.parent), folders.ROOT, path.parent)
        return {item.name: item.hash for item in planned}

    place = adapter(here / "recipes" / "old")
    before = hashes()
    (place / "adapter_model.safetensors").write_text("other", "utf-8")
    after = hashes()
    assert before["tune"] != after["tune"] and before["data"] == after["data"]

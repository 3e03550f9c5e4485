"""Runs of another version: read where they can be, else refused with a clear word."""

import json
from pathlib import Path

import pytest

from command_line import call
from kamerton.app.recipe import Recipe
from kamerton.app.runs import recipe_of
from kamerton.formats.errors import InputError
from kamerton.pipeline import folder as folders
from kamerton.pipeline.graph import State, state_of


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run as the first versions wrote it, with a key that no recipe has any more."""
    monkeypatch.chdir(tmp_path)
    place = folders.new_run(folders.ROOT, "museum")
    tree = Recipe(name="museum").model_dump(mode="json") | {"old_key": 1}
    (place / folders.RECIPE).write_text(json.dumps(tree))
    (tmp_path / "runs" / ".stages" / "export-1").mkdir(parents=True)
    record: dict[str, object] = {"recipe": "museum", "recipe_file": "recipe.yaml", "folder": "."}
    (place / folders.RUN).write_text(
        json.dumps(record | {"stages": {"export": ".stages/export-1"}})
    )
    folders.point_latest(place)
    return place


def test_a_recipe_that_does_not_fit_any_more_is_refused_with_its_field(old: Path) -> None:
    with pytest.raises(InputError) as caught:
        recipe_of(old)
    assert "another version" in str(caught.value) and "old_key" in str(caught.value)


def test_serving_it_ends_with_2_and_what_needs_no_recipe_still_reads_it(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("serve", "museum") == 2
    assert "another version" in capsys.readouterr().err
    assert call("runs", "ls") == call("runs", "show", "museum") == 0
    assert "museum/1" in capsys.readouterr().out


def test_a_record_that_cannot_be_read_is_refused(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old / folders.RUN).write_text('{"stages": 3}')
    assert call("runs", "show", "museum") == 2
    told = capsys.readouterr().err
    assert "does not describe a run" in told and "Traceback" not in told


def test_a_manifest_of_another_version_is_refused_and_its_stage_built_again(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Path("runs/.stages/export-1")
    (stage / "manifest.json").write_text('{"stage": "export", "hash": "1", "old_key": 1}')
    assert call("runs", "show", "museum") == 2
    assert "another version" in capsys.readouterr().err
    assert state_of(stage) is State.CORRUPT


def test_figures_of_another_version_are_refused(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old / "recipe.json").write_text('{"name": "museum"}')
    (old / "summary.json").write_text('{"verdict": "better"}')
    (old / "samples.jsonl").touch()
    assert call("gate", "museum", "--against", "base") == 2
    told = capsys.readouterr().err
    assert "another version" in told and "Traceback" not in told

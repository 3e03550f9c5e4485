"""Run folders: numbers, latest, what RUN names, and what can be deleted."""

from pathlib import Path

import pytest

from kamerton.formats.errors import InputError
from kamerton.formats.manifest import Manifest
from kamerton.pipeline.folder import (
    RunRecord,
    all_runs,
    find_run,
    new_run,
    point_latest,
    read_run,
    resolve_run,
    stage_folder,
    unused_stages,
)


def make_run(root: Path, recipe: str, stages: dict[str, str]) -> Path:
    run = new_run(root, recipe)
    RunRecord(recipe=recipe, recipe_file="r.yaml", folder=".", stages=stages).write(run)
    point_latest(run)
    return run


def test_runs_are_numbered_and_latest_points_to_the_newest(tmp_path: Path) -> None:
    first, second = make_run(tmp_path, "museum", {}), make_run(tmp_path, "museum", {})
    assert (first.name, second.name) == ("1", "2")
    assert (tmp_path / "museum" / "latest").resolve() == second.resolve()
    assert all_runs(tmp_path) == [first, second]


@pytest.mark.parametrize("text", ["museum", "museum/2", "museum/latest"])
def test_what_run_names(tmp_path: Path, text: str) -> None:
    make_run(tmp_path, "museum", {})
    second = make_run(tmp_path, "museum", {})
    assert resolve_run(text, tmp_path) == second.resolve()
    assert resolve_run(str(tmp_path / text), Path("elsewhere")) == second.resolve()


def test_an_unknown_run_lists_the_recipes_that_have_runs(tmp_path: Path) -> None:
    make_run(tmp_path, "museum", {})
    with pytest.raises(InputError) as caught:
        resolve_run("musuem", tmp_path)
    assert "museum" in str(caught.value)


def test_a_run_is_found_by_its_stages(tmp_path: Path) -> None:
    run = make_run(tmp_path, "museum", {"data": ".stages/data-1"})
    assert find_run(tmp_path, "museum", {"data": ".stages/data-1"}) == run
    assert find_run(tmp_path, "museum", {"data": ".stages/data-2"}) is None


def test_only_stages_that_no_run_points_to_can_go(tmp_path: Path) -> None:
    used, unused = stage_folder(tmp_path, "data", "a"), stage_folder(tmp_path, "data", "b")
    for folder in (used, unused):
        folder.mkdir(parents=True)
        Manifest(stage="data", hash="0").write(folder)
    unfinished = stage_folder(tmp_path, "tune", "c")
    unfinished.mkdir()
    make_run(tmp_path, "museum", {"data": str(used.relative_to(tmp_path))})
    assert unused_stages(tmp_path) == [unused]
    assert unused_stages(tmp_path, unfinished=True) == [unused, unfinished]


def test_stages_of_a_run_are_found_by_what_they_do_and_for_which_adapter(tmp_path: Path) -> None:
    names = ("check", "tune-code-v2", "tune-papers")
    run = make_run(tmp_path, "two", {name: f".stages/{name}-1" for name in names})
    record = read_run(run)
    assert list(record.folders(run)) == list(names)
    tuned = record.by_adapter(run, "tune")
    assert tuned == {n: tmp_path / ".stages" / f"tune-{n}-1" for n in ("code-v2", "papers")}
    assert record.by_adapter(run, "check") == {"": tmp_path / ".stages" / "check-1"}

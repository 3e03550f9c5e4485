"""Hashes and states: what makes a stage run again, and what does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from kamerton.formats.errors import InputError
from kamerton.formats.manifest import Manifest, tree_sha256
from kamerton.pipeline.graph import Planned, Stage, State, plan, select


def stages(source: Path, rate: float = 1.0) -> tuple[Stage, ...]:
    return (
        Stage("data", (), {"seed": 1}, (source,)),
        Stage("tune", ("data",), {"rate": rate}, resumes=True),
        Stage("compare", ("data",), {"tokens": 32}),
        Stage("report", ("tune", "compare"), {}),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source.txt").write_text("text")
    return tmp_path / "source.txt"


def planned(source: Path, rate: float = 1.0) -> list[Planned]:
    return plan(stages(source, rate), source.parent / "runs", source.parent)


def hashes(found: list[Planned]) -> dict[str, str]:
    return {item.name: item.hash for item in found}


def finish(item: Planned, text: str = "out") -> None:
    item.folder.mkdir(parents=True, exist_ok=True)
    (item.folder / "out.txt").write_text(text)
    outputs = tree_sha256(item.folder)
    Manifest(stage=item.name, hash=item.hash, outputs=outputs).write(item.folder)


def changed(before: list[Planned], after: list[Planned]) -> set[str]:
    old, new = hashes(before), hashes(after)
    return {name for name in old if old[name] != new[name]}


def test_a_changed_setting_changes_its_stage_and_those_below(source: Path) -> None:
    assert changed(planned(source), planned(source, rate=2.0)) == {"tune", "report"}


def test_a_changed_source_changes_everything_that_depends_on_it(source: Path) -> None:
    before = planned(source)
    source.write_text("other")
    assert changed(before, planned(source)) == {"data", "tune", "compare", "report"}


def test_a_new_version_of_the_code_changes_its_stage(source: Path) -> None:
    old = stages(source)
    new = (replace(old[0], version=2), *old[1:])
    root = source.parent / "runs"
    assert hashes(plan(old, root, source.parent)) != hashes(plan(new, root, source.parent))


def test_a_moved_recipe_keeps_its_hashes(source: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "source.txt").write_text("text")
    there = plan(stages(moved / "source.txt"), moved / "runs", moved)
    assert hashes(there) == hashes(planned(source))


def test_states_of_a_stage(source: Path) -> None:
    item = planned(source)[0]
    assert item.state is State.TO_DO
    item.folder.mkdir(parents=True)
    (item.folder / "half.txt").write_text("half")
    assert planned(source)[0].state is State.PARTIAL
    (item.folder / "half.txt").unlink()
    finish(item)
    assert planned(source)[0].state is State.DONE
    (item.folder / "out.txt").write_text("corrupt")
    assert planned(source)[0].state is State.CORRUPT
    finish(item)
    (item.folder / "manifest.json").write_text("{")
    assert planned(source)[0].state is State.CORRUPT


def test_only_and_from(source: Path) -> None:
    found = planned(source)
    with pytest.raises(InputError) as caught:
        select(found, "tune", None)
    assert "tune needs the outputs of data" in str(caught.value)
    finish(found[0])
    assert [i.name for i in select(planned(source), "tune", None)] == ["tune"]


def test_an_unknown_stage_lists_the_stages(source: Path) -> None:
    with pytest.raises(InputError) as caught:
        select(planned(source), "tuen", None)
    assert "data, tune, compare, report" in str(caught.value)

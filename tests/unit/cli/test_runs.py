"""What `latest` means, what gc may delete, and where `--lang` may stand."""

import os
import subprocess
from pathlib import Path

import pytest

from command_line import call
from kamerton.app.recipe import Recipe
from kamerton.app.run import _record
from kamerton.app.stages import Job
from kamerton.cli.words import language_of, without_language
from kamerton.formats.manifest import Manifest
from kamerton.pipeline import folder as folders
from kamerton.pipeline.graph import Planned, Stage, plan

MUSEUM = str(Path(__file__).parents[3] / "recipes" / "museum")
ORDER = ("check", "data", "tune", "export", "compare", "report")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def record(setting: int, ran: list[str]) -> Path:
    """Record a run whose stages have written their files, without running any."""
    chain = tuple(Stage(name, ORDER[:i], {"x": setting}) for i, name in enumerate(ORDER))
    planned: list[Planned] = plan(chain, folders.ROOT, Path())
    for item in planned:
        item.folder.mkdir(parents=True, exist_ok=True)
        for name in ("report.html", "model_card.md", "summary.json", "samples.jsonl"):
            (item.folder / name).write_text(name)
        Manifest(stage=item.name, hash=item.hash).write(item.folder)
    places = {item.name: str(item.folder.resolve()) for item in planned}
    job = Job(recipe=Recipe(name="museum"), folder=".", command="kamerton run x", stages=places)
    return _record(job, Path("x"), planned, ran)


def test_latest_follows_a_setting_that_is_put_back() -> None:
    first, second = record(1, ["report"]), record(2, ["report"])
    assert (first.name, second.name) == ("1", "2")
    assert folders.resolve_run("museum").name == "2"
    assert record(1, []) == first
    assert folders.resolve_run("museum").name == "1"


def finished(stage: str, digest: str) -> Path:
    """The outputs of a finished stage that no run uses."""
    folder = folders.stage_folder(folders.ROOT, stage, digest)
    folder.mkdir(parents=True, exist_ok=True)
    Manifest(stage=stage, hash=digest).write(folder)
    return folder


def test_gc_deletes_what_no_run_uses_and_nothing_else(capsys: Capture) -> None:
    used = folders.read_run(record(1, ["report"])).stages.values()
    stray = finished("tune", "0")
    assert call("runs", "gc") == 0
    assert str(stray) in capsys.readouterr().out and not stray.exists()
    assert not list(stray.parent.glob(f"{stray.name}*")), "its lock stays behind"
    assert all((folders.ROOT / name).is_dir() for name in used)


def test_gc_keeps_what_a_killed_run_can_go_on_from() -> None:
    killed = folders.stage_folder(folders.ROOT, "tune", "1")
    (killed / "checkpoints").mkdir(parents=True)
    assert call("runs", "gc") == 0
    assert (killed / "checkpoints").is_dir()
    assert call("runs", "gc", "--unfinished") == 0
    assert not killed.exists()


def test_gc_waits_for_no_one_and_deletes_nothing_during_a_run(capsys: Capture) -> None:
    stray = finished("data", "0")
    root = folders.ROOT
    with folders.shared_lock(root), folders.shared_lock(root):  # two runs at once are fine
        assert call("runs", "gc") == 2
    assert stray.is_dir() and "another run is in progress" in capsys.readouterr().err
    assert call("runs", "gc") == 0
    assert not stray.exists()


@pytest.mark.parametrize(
    "arguments",
    [["--lang", "ru", "run", "x"], ["run", "x", "--lang", "ru"], ["run", "--lang=ru", "x"]],
)
def test_the_language_may_stand_anywhere(arguments: list[str], capsys: Capture) -> None:
    assert (language_of(arguments), without_language(arguments)) == ("ru", ["run", "x"])
    assert call(*arguments) == 2
    assert "такого рецепта нет" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_ends_a_run_with_2_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "nr_inodes=2", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow mounting")
    try:
        monkeypatch.chdir(disk)
        assert call("run", MUSEUM) == 2
        told = capsys.readouterr().err
        assert "no space is left" in told and "Traceback" not in told
    finally:
        monkeypatch.chdir(tmp_path)
        subprocess.run(["umount", str(disk)], check=True)

"""A run is followed while it works, when it was stopped, and when it is finished."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import call
from kamerton.app.follow import find_work, follow
from kamerton.pipeline import folder as folders

RUN = """
import sys, time
from pathlib import Path
from kamerton.pipeline.execute import execute, in_child
from kamerton.pipeline.graph import Stage, plan
from kamerton.pipeline.working import Working, working

STEPS = '''
import os, sys, time
from pathlib import Path
from kamerton.formats.events import recording
from kamerton.formats.progress import progress, record
from kamerton.pipeline.child import die_with_parent
die_with_parent()
out = Path(sys.argv[1])
with recording(out), progress("training", 40, "rows") as bar:
    for step in range(40):
        if (Path.cwd() / "fail").exists():
            sys.exit(3)
        while (Path.cwd() / "wait").exists():
            time.sleep(0.01)
            bar.update(0)
        (out / str(step)).write_text("x")
        record(step, {"loss": 2.0 - step / 40})
        bar.update(1)
'''
root = Path("runs")
planned = plan((Stage("data"), Stage("tune", ("data",), resumes=True)), root, Path())
places = {item.name: str(item.folder.relative_to(root)) for item in planned}
with working(root, Working(recipe="museum", stages=places)):
    run = in_child(lambda item: [sys.executable, "-c", STEPS, str(item.folder)])
    execute(planned, planned, run)
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start() -> "subprocess.Popen[bytes]":
    """A run of two stages, in a process of its own."""
    child = subprocess.Popen([sys.executable, "-c", RUN], stderr=subprocess.DEVNULL)
    while not list(Path("runs").glob(".stages/data-*/events.jsonl")):
        assert child.poll() is None
        time.sleep(0.01)
    return child


def test_a_run_that_works_is_told_until_it_ends(here: Path) -> None:
    (here / "wait").touch()
    child = start()
    work = find_work("museum")
    assert work.condition == "working"
    live = []
    for update in follow(work):
        live += [update] if update.live else []
        if live and (here / "wait").exists():
            assert live[0].event.kind == "progress" and live[0].event.total == 40
            (here / "wait").unlink()
    assert child.wait() == 0 and work.condition == "finished"
    kinds = [(update.stage, update.event.kind) for update in live]
    for end in (("data", "finished"), ("tune", "started"), ("tune", "figures")):
        assert end in kinds
    assert kinds[-1] == ("tune", "finished")


def test_a_killed_run_is_shown_as_interrupted_with_how_far_it_came(
    here: Path, capsys: Capture
) -> None:
    (here / "wait").touch()
    child = start()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert call("runs", "show", "museum", "--follow") == 1
    told = capsys.readouterr().out
    assert "[1/2] data" in told and "museum was interrupted" in told
    assert call("runs", "show", "museum", "--follow", "--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["stage"] == "data" and lines[-1] == {"run": "museum", "ended": "interrupted"}
    assert call("runs", "show", "museum") == 0
    shown = capsys.readouterr()
    assert "interrupted" in shown.err and "to do" in shown.out
    (here / "wait").unlink()
    start().wait()
    assert not list(Path("runs/museum").iterdir()), "a later run takes the record away"


def test_gc_of_unfinished_outputs_forgets_the_run_that_was_stopped(here: Path) -> None:
    (here / "fail").touch()
    start().wait()
    assert call("runs", "gc", "--unfinished") == 0
    assert call("runs", "show", "museum") == 2


def test_a_failed_stage_is_told_with_its_code(here: Path, capsys: Capture) -> None:
    (here / "fail").touch()
    start().wait()
    assert call("--lang", "ru", "runs", "show", "museum", "--follow") == 1
    told = capsys.readouterr().out
    assert "остановка с кодом 3" in told and "не удался" in told


def test_a_finished_run_ends_at_once(here: Path, capsys: Capture) -> None:
    start().wait()
    stages = {
        p.name.partition("-")[0]: f".stages/{p.name}" for p in Path("runs/.stages").glob("*-*")
    }
    names = {name: folder.removesuffix(".lock") for name, folder in stages.items()}
    place = folders.new_run(folders.ROOT, "museum")
    folders.RunRecord(recipe="museum", recipe_file="r", folder=".", stages=names).write(place)
    assert call("runs", "show", "museum/1", "--follow") == 0
    told = capsys.readouterr().out
    assert "tune: done in" in told and "museum/1 is finished" in told

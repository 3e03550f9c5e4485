"""Real child processes: what is rebuilt, what a full disk says, and whom a stage may end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kamerton.formats.events import read_events
from kamerton.pipeline.child import StageFailed
from kamerton.pipeline.execute import check_space, execute, forget, in_child
from kamerton.pipeline.graph import Planned, Stage, State, plan, select

WRITE = "import sys; open(sys.argv[1] + '/out', 'w').write(open(sys.argv[2]).read())"


def trip(folder: Path) -> list[Planned]:
    return plan((Stage("data"), Stage("tune", ("data",))), folder / "runs", folder)


def run(folder: Path) -> list[str]:
    """Every stage copies FOLDER/text, which no hash covers: a stage that is not repeatable."""
    planned = trip(folder)

    def command(item: Planned) -> list[str]:
        return [sys.executable, "-c", WRITE, str(item.folder), str(folder / "text")]

    return execute(planned, planned, in_child(command))


def made(folder: Path, text: str) -> list[Planned]:
    (folder / "text").write_text(text)
    assert run(folder) == ["data", "tune"]
    return trip(folder)


def test_what_was_built_on_other_outputs_is_built_again(tmp_path: Path) -> None:
    data, tune = made(tmp_path, "first")
    (data.folder / "out").write_text("damaged")
    (tmp_path / "text").write_text("second")
    assert run(tmp_path) == ["data", "tune"]
    assert (tune.folder / "out").read_text() == "second"


def test_an_equal_rebuild_leaves_what_was_built_on_it(tmp_path: Path) -> None:
    data, _ = made(tmp_path, "first")
    (data.folder / "out").write_text("damaged")
    assert run(tmp_path) == ["data"]


def test_fresh_runs_the_chosen_stages_anew(tmp_path: Path) -> None:
    made(tmp_path, "first")
    chosen = select(trip(tmp_path), None, "tune")
    assert [item.state for item in chosen] == [State.DONE]
    assert [item.state for item in forget(chosen)] == [State.TO_DO]
    assert run(tmp_path) == ["tune"]


def test_a_failed_stage_is_not_finished(tmp_path: Path) -> None:
    planned = trip(tmp_path)
    with pytest.raises(StageFailed) as caught:
        execute(planned, planned, in_child(lambda _: [sys.executable, "-c", "raise SystemExit(3)"]))
    assert caught.value.exit_code == 3
    assert [item.state for item in trip(tmp_path)] == [State.TO_DO, State.TO_DO]


def test_a_full_disk_is_told_whoever_noticed_it(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("w") as stream:
        stream.write("x" * 10)
        stream.flush()
    wrapped = RuntimeError("a library's own error")
    wrapped.__cause__ = caught.value
    for error in (caught.value, wrapped, RuntimeError("No space left on device (os error 28)")):
        found = check_space(error, tmp_path)
        assert found is not None and "runs gc" in str(found)
    assert check_space(PermissionError(13, "no"), tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_stage_that_filled_the_disk_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow mounting")
    try:
        planned = trip(disk)
        fill = "import sys; open(sys.argv[1] + '/out', 'wb').write(bytes(1 << 20))"
        run_here = in_child(lambda item: [sys.executable, "-c", fill, str(item.folder)])
        with pytest.raises(StageFailed):
            execute(planned, planned, run_here)
        assert [item.state for item in trip(disk)] == [State.PARTIAL, State.TO_DO]
        shutil.rmtree(planned[0].folder)
        (disk / "text").write_text("now there is room")
        assert run(disk) == ["data", "tune"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_stage_started_by_hand_leaves_its_caller_alive() -> None:
    stage = (
        "import time; from kamerton.pipeline import child; child.die_with_parent(); time.sleep(1)"
    )
    script = f'"{sys.executable}" -c "{stage}" </dev/null && echo alive'
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, start_new_session=True, check=False
    )
    assert done.stdout.strip() == "alive", done.stderr


def test_each_attempt_is_among_the_stages_events(tmp_path: Path) -> None:
    planned = trip(tmp_path)
    with pytest.raises(StageFailed):
        execute(planned, planned, in_child(lambda _: [sys.executable, "-c", "raise SystemExit(3)"]))
    told = read_events(planned[0].folder)[0]
    assert [(event.kind, event.code) for event in told] == [("started", 0), ("failed", 3)]
    made(tmp_path, "text")
    told = read_events(planned[0].folder)[0]
    assert [event.kind for event in told] == ["started", "finished"]


def test_a_stage_may_run_anywhere(tmp_path: Path) -> None:
    """The child process is one way; a function that writes the stage's folder is another."""
    planned = trip(tmp_path)

    def here(item: Planned, _: int) -> None:
        (item.folder / "out").write_text(f"{item.name} made here")

    assert execute(planned, planned, here) == ["data", "tune"]
    assert [item.state for item in trip(tmp_path)] == [State.DONE, State.DONE]
    assert execute(planned, planned, here) == []

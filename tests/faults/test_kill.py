"""Real processes killed in the middle: nothing is lost, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRIP = Path(__file__).with_name("small_trip.py")


def start(folder: Path, *names: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(TRIP), str(folder), *names]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def log(folder: Path) -> list[str]:
    path = folder / "log.txt"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(folder: Path, line: str, trip: "subprocess.Popen[str]") -> None:
    while line not in log(folder):
        assert trip.poll() is None, trip.communicate()
        time.sleep(0.005)


def finish(folder: Path, *names: str) -> str:
    trip = start(folder, *names)
    out, err = trip.communicate(timeout=60)
    assert trip.returncode == 0, err
    return out.strip()


def silent(folder: Path) -> bool:
    """Whether nobody writes any more: no orphan goes on."""
    before = log(folder)
    time.sleep(0.2)
    return log(folder) == before


@pytest.mark.parametrize("stage", ["data", "tune"])
def test_kill_9_in_a_stage_is_resumed(tmp_path: Path, stage: str) -> None:
    trip = start(tmp_path)
    wait_for(tmp_path, f"{stage} 5", trip)
    os.kill(trip.pid, signal.SIGKILL)
    trip.wait()
    assert silent(tmp_path)
    assert finish(tmp_path) == ("data tune" if stage == "data" else "tune")
    done = log(tmp_path)
    assert [line for line in done if line.startswith("tune")] == [f"tune {i}" for i in range(20)]
    assert done.count("data 0") == (2 if stage == "data" else 1)


def test_ctrl_c_ends_the_stage_too_and_says_130(tmp_path: Path) -> None:
    trip = start(tmp_path)
    wait_for(tmp_path, "tune 5", trip)
    os.kill(trip.pid, signal.SIGINT)
    trip.communicate(timeout=30)
    assert trip.returncode == 130
    assert silent(tmp_path)
    assert finish(tmp_path) == "tune"


def test_a_stage_killed_alone_is_told_and_resumed(tmp_path: Path) -> None:
    trip = start(tmp_path)
    wait_for(tmp_path, "tune 5", trip)
    child = subprocess.run(
        ["pgrep", "-P", str(trip.pid)], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    os.kill(int(child), signal.SIGKILL)
    _, err = trip.communicate(timeout=30)
    assert trip.returncode == 137 and "tune was killed by signal 9" in err
    assert finish(tmp_path) == "tune"


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    assert finish(tmp_path) == "data tune"
    assert finish(tmp_path) == ""
    assert len(log(tmp_path)) == 40


def test_a_corrupt_output_is_built_again(tmp_path: Path) -> None:
    finish(tmp_path)
    (folder,) = (tmp_path / "runs" / ".stages").glob("data-*[0-9a-f]")
    (folder / "3").write_text("corrupt")
    assert "data" in finish(tmp_path)
    assert (folder / "3").read_text() == "3"


def test_a_stage_that_refuses_its_input_ends_with_2(tmp_path: Path) -> None:
    trip = start(tmp_path, "data", "broken")
    _, err = trip.communicate(timeout=30)
    assert trip.returncode == 2 and "broken stopped with exit code 2" in err
    assert finish(tmp_path, "data") == ""


def test_two_runs_at_once_do_not_write_one_stage_twice(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    outs = [trip.communicate(timeout=60) for trip in (first, second)]
    assert [trip.returncode for trip in (first, second)] == [0, 0], outs
    assert len(log(tmp_path)) == 40

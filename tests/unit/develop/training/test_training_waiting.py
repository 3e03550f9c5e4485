"""Threads spin only while nobody else works, and what decides it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kamerton.develop.training import waiting

linux = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs Linux")


def told(code: str, **environment: str) -> list[object]:
    """What a fresh process prints; it has not loaded torch."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    begin = "import json, os, sys\nfrom kamerton.develop.training import waiting\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: list[object] = json.loads(done.stdout)
    return found


CHOSEN = """
waiting._QUOTA = waiting.Path("/none")
free = waiting.choose(2)
print(json.dumps([free, os.environ["OMP_WAIT_POLICY"], os.environ.get("GOMP_SPINCOUNT")]))
"""


@linux
def test_threads_may_spin_unless_the_user_has_said_how_they_wait() -> None:
    assert told(CHOSEN) == [True, "passive", "100000"]
    assert told(CHOSEN, OMP_WAIT_POLICY="active") == [False, "active", None]
    assert told(CHOSEN, GOMP_SPINCOUNT="7") == [False, "passive", "7"]


@linux
def test_it_is_too_late_once_torch_is_loaded() -> None:
    assert told("import torch\n" + CHOSEN) == [False, "passive", None]


def test_without_word_of_others_threads_sleep() -> None:
    assert told("waiting._STAT = waiting.Path('/none')\n" + CHOSEN) == [False, "passive", None]


@linux
@pytest.mark.parametrize(("quota", "free"), [("max 100000", True), ("200000 100000", False)])
def test_a_share_of_the_cores_is_not_spun_away(tmp_path: Path, quota: str, free: bool) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    named = f"waiting.Path({str(tmp_path / 'cpu.max')!r})"
    found = told(CHOSEN.replace('waiting.Path("/none")', named))
    assert found == [free, "passive", "100000" if free else None]


@linux
@pytest.mark.parametrize(
    ("threads", "cores", "free"), [(1, 2, False), (2, 9, True), (2, 64, False)]
)
def test_one_thread_and_few_on_many_cores_sleep(threads: int, cores: int, free: bool) -> None:
    code = CHOSEN.replace("choose(2)", f"choose({threads})")
    found = told(f"waiting._cores = lambda: {cores}\n" + code)
    assert found == [free, "passive", "100000" if free else None]


def test_others_are_what_is_left_of_the_machines_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiting._others((1, 10, 4), (3, 14, 5)) == 1.5
    (tmp_path / "stat").write_text("cpu  100 200 300 5000 700 10 20 30 40 0\ncpu0 1 2 3 4\n")
    monkeypatch.setattr(waiting, "_STAT", tmp_path / "stat")
    assert waiting._seen()[1] == (100 + 200 + 300 + 10 + 20 + 30) / os.sysconf("SC_CLK_TCK")


def test_only_a_while_without_others_counts_as_calm() -> None:
    looks = 0
    for others, wanted in [(0.0, 1), (0.24, 2), (0.25, 0), (-0.02, 1), (1.0, 0)]:
        looks = waiting.calm(looks, others, spare=0)
        assert looks == wanted
    assert waiting.calm(4, 6.2, spare=6) == 5 and waiting.calm(4, 6.3, spare=6) == 0
    assert waiting.calm(4, 0.3, spare=-1) == 0


@pytest.mark.parametrize(
    ("threads", "cores", "wanted"), [(2, 2, 1), (4, 4, 1), (3, 8, 3), (2, 8, 7), (16, 8, 1)]
)
def test_with_the_idle_pools_there_are_more_threads_than_cores(
    threads: int, cores: int, wanted: int
) -> None:
    assert waiting.pools(threads, cores) == wanted
    assert threads + wanted * (threads - 1) > cores


SWITCHED = """
from time import sleep
others = [9.0]
waiting._PERIOD = 0.01
waiting._others = lambda before, now: others[0]
waiting.choose(2)
import torch
torch.set_num_threads(2)
torch.ones(1 << 20).add_(1)

def threads():
    return len(os.listdir("/proc/self/task"))

def reached(wanted):
    for _ in range(2000):
        if threads() == wanted:
            return True
        sleep(0.01)
    return False

alone = threads() + 1  # and the one that watches
more = 2 * waiting.pools(2, waiting._cores())
waiting.watch(2)
found = [reached(alone + more)]
others[0] = -1.0
found.append(reached(alone))
others[0] = 99.0
found.append(reached(alone + more))
print(json.dumps([*found, "GOMP_SPINCOUNT" in os.environ]))
"""


@linux
def test_threads_that_do_nothing_come_when_others_work_and_go_when_they_stop() -> None:
    *found, left = told(SWITCHED)
    assert found == [True, True, True]
    assert left is False, "what is started from here would spin with nobody watching"


ENDED = """
import torch
torch.set_num_threads(2)
waiting._GRAIN, waiting.pools = 1 << 20, lambda threads, cores: 8
waiting.watch(2)
print(json.dumps(["ended"]))
"""


@linux
def test_a_process_ends_well_while_threads_that_do_nothing_start() -> None:
    assert told(ENDED) == ["ended"]


@linux
def test_threads_that_the_ending_process_refuses_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python 3.12 and later start none then; at any other time it is an error."""

    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(RuntimeError, match="new thread"):
        waiting._start_idle(2)
    monkeypatch.setattr(waiting, "_ending", lambda: True)
    assert waiting._start_idle(2).threads == []


def test_a_process_knows_that_it_ends() -> None:
    assert not waiting._ending()
    code = "import atexit\natexit.register(lambda: print(json.dumps([waiting._ending()])))"
    assert told(code) == [True]

"""The same seed, the same numbers; threads spin only while nobody else works."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kamerton.develop.training import threads
from kamerton.develop.training.threads import repeatable

linux = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs Linux")


def told(code: str, **environment: str) -> list[object]:
    """What a fresh process prints; it has not loaded torch."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    begin = "import json, os, sys\nfrom kamerton.develop.training import threads\n"
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
threads._QUOTA = threads.Path("/none")
free = threads.choose_waiting(2)
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
    assert told("threads._STAT = threads.Path('/none')\n" + CHOSEN) == [False, "passive", None]


@linux
@pytest.mark.parametrize(("quota", "free"), [("max 100000", True), ("200000 100000", False)])
def test_a_share_of_the_cores_is_not_spun_away(tmp_path: Path, quota: str, free: bool) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    named = f"threads.Path({str(tmp_path / 'cpu.max')!r})"
    found = told(CHOSEN.replace('threads.Path("/none")', named))
    assert found == [free, "passive", "100000" if free else None]


@linux
@pytest.mark.parametrize(
    ("threads", "cores", "free"), [(1, 2, False), (2, 9, True), (2, 64, False)]
)
def test_one_thread_and_few_on_many_cores_sleep(threads: int, cores: int, free: bool) -> None:
    code = CHOSEN.replace("choose_waiting(2)", f"choose_waiting({threads})")
    found = told(f"threads._cores = lambda: {cores}\n" + code)
    assert found == [free, "passive", "100000" if free else None]


def test_work_of_the_machine_is_that_of_all_its_fields_but_idle_and_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text("cpu  100 200 300 5000 700 10 20 30 40 0\ncpu0 1 2 3 4\n")
    monkeypatch.setattr(threads, "_STAT", tmp_path / "stat")
    assert threads.machine_seconds() == 660 / os.sysconf("SC_CLK_TCK")


def test_only_a_while_without_others_counts_as_calm() -> None:
    looks = 0
    for others, wanted in [(0.0, 1), (0.24, 2), (0.25, 0), (-0.02, 1), (1.0, 0)]:
        looks = threads.quiet_looks(looks, others, spare=0)
        assert looks == wanted
    assert threads.quiet_looks(4, 6.2, spare=6) == 5 and threads.quiet_looks(4, 6.3, spare=6) == 0
    assert threads.quiet_looks(4, 0.3, spare=-1) == 0


@pytest.mark.parametrize(
    ("count", "cores", "wanted"), [(2, 2, 1), (4, 4, 1), (3, 8, 3), (2, 8, 7), (16, 8, 1)]
)
def test_with_the_idle_pools_there_are_more_threads_than_cores(
    count: int, cores: int, wanted: int
) -> None:
    assert threads.pools(count, cores) == wanted
    assert count + wanted * (count - 1) > cores


SWITCHED = """
from time import sleep
others = [9.0]
threads._PERIOD = 0.01
threads._others = lambda before, now: others[0]
threads.choose_waiting(2)
import torch
torch.set_num_threads(2)
torch.ones(1 << 20).add_(1)

def running():
    return len(os.listdir("/proc/self/task"))

def reached(wanted):
    for _ in range(2000):
        if running() == wanted:
            return True
        sleep(0.01)
    return False

alone = running() + 1  # and the one that watches
more = 2 * threads.pools(2, threads._cores())
threads.watch(2)
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
threads._GRAIN, threads.pools = 1 << 20, lambda threads, cores: 8
threads.watch(2)
print(json.dumps(["ended"]))
"""


@linux
def test_a_process_ends_well_while_threads_that_do_nothing_start() -> None:
    assert told(ENDED) == ["ended"]


def draw() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(1))]


def test_one_seed_one_stream() -> None:
    repeatable(3, 1)
    first = draw()
    repeatable(3, 1)
    assert draw() == first
    repeatable(4, 1)
    assert draw() != first
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def test_threads_wait_quietly_from_the_time_torch_loads() -> None:
    code = (
        "import os, sys; os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "from kamerton.develop.training.threads import repeatable\n"
        "assert 'torch' not in sys.modules\n"
        "class Spy:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch': raise SystemExit(os.environ['OMP_WAIT_POLICY'])\n"
        "sys.meta_path.insert(0, Spy()); repeatable(0, 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "passive\n"

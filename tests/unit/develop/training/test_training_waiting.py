"""Threads spin only while nobody else works, and what decides it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kamerton.develop.training import waiting

linux = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs Linux")


def told(code: str, **environment: str) -> dict[str, object]:
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
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


CHOSEN = """
free = waiting.choose()
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
    code = "from pathlib import Path\nwaiting._STAT = Path('/none')\n" + CHOSEN
    assert told(code) == [False, "passive", None]


def test_only_a_while_without_others_counts_as_calm() -> None:
    looks = 0
    for others, wanted in [(0.0, 1), (0.24, 2), (0.25, 0), (-0.02, 1), (1.0, 0)]:
        looks = waiting.calm(looks, others)
        assert looks == wanted


@pytest.mark.parametrize(
    ("threads", "cores", "pools"), [(2, 2, 1), (4, 4, 1), (3, 8, 3), (2, 8, 7), (16, 8, 1)]
)
def test_with_the_sleepers_there_are_more_threads_than_cores(
    threads: int, cores: int, pools: int
) -> None:
    assert waiting.sleepers(threads, cores) == pools
    assert threads + pools * (threads - 1) > cores


SWITCHED = """
from time import sleep
import threading
others = [9.0]
waiting._PERIOD = 0.01
waiting._others = lambda before, now: others[0]
waiting.choose()
import torch
torch.set_num_threads(2)
torch.ones(1 << 20).add_(1)
known = []
def count(wanted=None):
    for _ in range(2000):
        found = len(os.listdir("/proc/self/task"))
        if found == wanted:
            break
        sleep(0.01)
    known.append(found)
    return found
alone = count() + 1  # and the one that watches
waiting.watch(2)
pools = waiting.sleepers(2, len(os.sched_getaffinity(0)))
count(alone + 2 * pools)
others[0] = 0.0
count(alone)
others[0] = 1.0
count(alone + 2 * pools)
print(json.dumps({"found": known, "pools": pools, "left": "GOMP_SPINCOUNT" in os.environ}))
"""


@linux
def test_threads_that_do_nothing_come_when_others_work_and_go_when_they_stop() -> None:
    found = told(SWITCHED)
    first, *rest = found["found"]  # type: ignore[misc]
    more = 2 * int(str(found["pools"]))
    assert rest == [first + 1 + more, first + 1, first + 1 + more]
    assert found["left"] is False, "what is started from here would spin with nobody watching"

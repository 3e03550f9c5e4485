"""Memory stays with the process while it trains, and goes back after that."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not with glibc")

_STEPS = """
import resource
import torch
from contextlib import nullcontext
from pathlib import Path
from kamerton.develop.training import speed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    kept = [torch.empty(size).fill_(1.0) for size in (4_000_000, 300_000, 20_000_000)]
    del kept

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

step()
with {block}:
    for _ in range(10):
        step()
    before = faults()
    for _ in range(5):
        step()
    print(faults() - before, end=" ")
    large = resident()
print(large - resident())
"""


def counted(block: str) -> tuple[int, int]:
    """Faults of five steps after some others, and pages that went back at the end of the block."""
    done = subprocess.run(
        [sys.executable, "-c", _STEPS.format(block=block)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
    )
    first, second = done.stdout.split()
    return int(first), int(second)


def test_a_step_takes_the_pages_of_the_steps_before() -> None:
    asked_again, _ = counted("nullcontext()")
    kept, given_back = counted("speed.kept_memory()")
    assert asked_again > 5 * 20_000_000 * 4 // 4096
    assert kept < asked_again / 50
    assert given_back > 20_000_000 * 4 // 4096


_FLAGS = """
import os
os.environ.pop("THP_MEM_ALLOC_ENABLE", None)
from pathlib import Path
from kamerton.develop.training.threads import repeatable
repeatable(0, 1)
import torch
block = torch.empty(10_000_000)
place = block.data_ptr()
for line in Path("/proc/self/smaps").read_text().splitlines():
    first = line.split()[0]
    if "-" in first:
        low, high = (int(bound, 16) for bound in first.split("-"))
    if first == "VmFlags:" and low <= place < high:
        print("hg" in line.split())
"""


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").is_dir(), reason="no such pages"
)
def test_torch_is_asked_for_large_pages_before_it_takes_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FLAGS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"

"""The same seed and number of threads give the same bytes; and how these threads wait.

Threads that wait for each other spin while nobody else needs the cores, and sleep otherwise.
OpenMP's threads meet thousands of times in a training step. One that sleeps has to be woken every
time; one that spins is there at once, but holds a core that others may need: beside one busy
program a step takes four times as long (docs/decisions/0006). libgomp has no switch between the
two, but stops spinning as soon as it has more threads than there are cores
(`gomp_throttled_spin_count_var` in its sources). So idle threads are the switch.
"""

import atexit
import math
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_STAT = Path("/proc/stat")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of a container: `max`, or microseconds in each period (cgroup v2)."""
_SPINS = 100_000
"""Turns of a waiting thread before it sleeps all the same: some milliseconds."""
_PERIOD = 1.0
"""Seconds between two looks at the machine's load."""
OTHERS = 0.25
"""Cores that others use beyond the spare ones, from which on threads sleep."""
QUIET_LOOKS = 3
"""Looks in a row without others after which threads spin."""
_MOST = 8
"""Most idle pools that are worth it: few threads on many cores would need many."""
_GRAIN = 32_768
"""Elements that torch gives each thread at least (at::internal::GRAIN_SIZE)."""


def repeatable(seed: int, threads: int) -> None:
    """Seed every random generator, fix the number of threads, forbid operations that vary.

    `threads`: 0 takes all cores. Call it first, before anything loads torch, and again where a
    library may have moved the random state since.
    """
    wanted = threads or os.cpu_count() or 1
    may_spin = choose_waiting(wanted)
    # cuBLAS sums in one order only with a workspace of fixed size (its manual, "Results
    # Reproducibility"); read when CUDA starts, of no meaning without it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Blocks of 2 MiB and more in large pages (torch's tuning guide for CPUs; Linux): fewer faults,
    # docs/decisions/0006. Read when torch takes its first memory.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    import torch
    from transformers import set_seed

    torch.set_num_threads(wanted)
    if may_spin:
        watch(wanted)
    set_seed(seed)
    torch.use_deterministic_algorithms(True)


def choose_waiting(threads: int) -> bool:
    """Set how threads wait, before torch is loaded; gives whether `watch` may let them spin.

    It may where Linux tells of others' work, the process has all cores whole, and the user has
    not set how threads wait.
    """
    free = not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    # Where a container has a share of the cores, spinning uses up what work needs.
    rationed = _QUOTA.is_file() and not _QUOTA.read_text().startswith("max")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if not free or "torch" in sys.modules or not _STAT.exists() or rationed:
        return False
    if threads < 2 or pools(threads, _cores()) > _MOST:
        return False
    os.environ["GOMP_SPINCOUNT"] = str(_SPINS)
    return True


def watch(threads: int) -> None:
    """From now on let the `threads` of this process spin while it has the machine to itself.

    Call it once, as soon as torch is loaded: until others are known not to work, threads sleep.
    """
    # torch has read it; a child process would spin unwatched.
    os.environ.pop("GOMP_SPINCOUNT", None)
    over = threading.Event()
    arguments = (threads, over, _start_idle(threads))
    watcher = threading.Thread(target=_watch, args=arguments, daemon=True)
    watcher.start()
    # A thread that comes out of torch while Python ends takes the process down with it (SIGABRT).
    atexit.register(_end, over, [watcher])


def quiet_looks(before: int, others: float, spare: int) -> int:
    """Looks in a row, this one included, at which others used no more than the `spare` cores."""
    return before + 1 if others < max(0, spare) + OTHERS else 0


def pools(threads: int, cores: int) -> int:
    """Pools of `threads` that it takes, beside the one at work, to be more than the `cores`."""
    return max(1, math.ceil((cores + 1 - threads) / (threads - 1)))


def machine_seconds() -> float:
    """Processor seconds that the whole machine has worked since it started (Linux)."""
    fields = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Idle:
    """Threads that do nothing, each with a pool of its own that lives as long as it does."""

    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)


def _watch(threads: int, over: threading.Event, idle: _Idle) -> None:
    looks = 0
    try:
        last = _clocks()
        while not over.wait(_PERIOD):
            now = _clocks()
            looks = quiet_looks(looks, _others(last, now), _cores() - threads)
            last = now
            if idle.threads and looks >= QUIET_LOOKS:
                _end(idle.over, idle.threads)
                idle = _Idle()
            elif not idle.threads and looks < QUIET_LOOKS:
                idle = _start_idle(threads)
    finally:
        _end(idle.over, idle.threads)


def _start_idle(threads: int) -> _Idle:
    import torch

    idle = _Idle()

    def hold_pool() -> None:
        torch.ones(threads * _GRAIN).add_(1)  # starts a pool of this thread's own
        idle.over.wait()

    for _ in range(pools(threads, _cores())):
        thread = threading.Thread(target=hold_pool, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            _end(idle.over, idle.threads)
            if not threading.main_thread().is_alive():  # Python 3.12+ starts no thread at its end
                return _Idle()
            raise
        idle.threads.append(thread)
    return idle


def _end(over: threading.Event, threads: Iterable[threading.Thread]) -> None:
    over.set()
    for thread in threads:
        thread.join()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _clocks() -> tuple[float, float, float]:
    """Seconds: of the clock, of all work on the machine since it started, of this process."""
    return time.monotonic(), machine_seconds(), time.process_time()


def _others(before: tuple[float, float, float], now: tuple[float, float, float]) -> float:
    """Cores that others used between two looks."""
    clock, machine, process = (b - a for a, b in zip(before, now, strict=True))
    return (machine - process) / clock

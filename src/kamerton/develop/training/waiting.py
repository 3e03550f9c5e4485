"""Threads that wait for each other spin while nobody else needs the cores, and sleep otherwise.

OpenMP's threads meet thousands of times in a training step. One that sleeps has to be woken every
time; one that spins is there at once, but holds a core that others may need: beside one busy
program a step takes four times as long (docs/decisions/0006). libgomp has no switch between the
two, but spins no more as soon as it has more threads than there are cores
(`gomp_throttled_spin_count_var` in its sources). So threads that do nothing are the switch.
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
"""Seconds from look to look at the machine."""
OTHERS = 0.25
"""Cores that others use, beyond those that we leave, from which on threads sleep."""
CALM = 3
"""Looks without others after which they spin."""
_MOST = 8
"""Pools that are worth it: with few threads on many cores it would take many."""
_GRAIN = 32_768
"""Elements that torch gives each thread at least (at::internal::GRAIN_SIZE)."""


def choose(threads: int) -> bool:
    """Say how threads wait, before torch is loaded; whether they may spin, which `watch` decides.

    They may where Linux tells of others' work, the process has all cores whole, and the user has
    not said how threads should wait.
    """
    free = not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if not free or "torch" in sys.modules or not _STAT.exists() or _rationed():
        return False
    if threads < 2 or pools(threads, _cores()) > _MOST:
        return False
    os.environ["GOMP_SPINCOUNT"] = str(_SPINS)
    return True


def watch(threads: int) -> None:
    """Let the `threads` of this process spin when it has been alone for a while, from now on.

    Call it once, as soon as torch is loaded: until it is known that nobody works, they sleep.
    """
    # Read by now; what this process starts has nobody who watches.
    os.environ.pop("GOMP_SPINCOUNT", None)
    over = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(threads, over, _start_idle(threads)), daemon=True
    )
    watcher.start()
    # A thread that comes out of torch while Python ends takes the process down with it (SIGABRT).
    atexit.register(_end, over, [watcher])


def calm(before: int, others: float, spare: int) -> int:
    """Looks in a row at which others left our cores to us, with one more; `spare`: other cores."""
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
        seen = _seen()
        while not over.wait(_PERIOD):
            now = _seen()
            looks = calm(looks, _others(seen, now), _cores() - threads)
            seen = now
            if idle.threads and looks >= CALM:
                _end(idle.over, idle.threads)
                idle = _Idle()
            elif not idle.threads and looks < CALM:
                idle = _start_idle(threads)
    finally:
        _end(idle.over, idle.threads)


def _start_idle(threads: int) -> _Idle:
    idle = _Idle()
    for _ in range(pools(threads, _cores())):
        thread = threading.Thread(target=_do_nothing, args=(threads, idle.over), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            _end(idle.over, idle.threads)
            if _ending():  # Python 3.12 and later start no thread then
                return _Idle()
            raise
        idle.threads.append(thread)
    return idle


def _end(over: threading.Event, threads: Iterable[threading.Thread]) -> None:
    over.set()
    for thread in threads:
        thread.join()


def _do_nothing(threads: int, over: threading.Event) -> None:
    import torch

    torch.ones(threads * _GRAIN).add_(1)
    over.wait()


def _ending() -> bool:
    return not threading.main_thread().is_alive()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _rationed() -> bool:
    """Whether a container has a share of the cores: there spinning uses up what work needs."""
    return _QUOTA.is_file() and not _QUOTA.read_text().startswith("max")


def _seen() -> tuple[float, float, float]:
    """Seconds: of the clock, of all work on the machine since it started, of ours."""
    return time.monotonic(), machine_seconds(), time.process_time()


def _others(before: tuple[float, float, float], now: tuple[float, float, float]) -> float:
    """Cores that others used between two looks."""
    clock, machine, own = (b - a for a, b in zip(before, now, strict=True))
    return (machine - own) / clock

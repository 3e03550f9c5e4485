"""Threads that wait for each other spin while nobody else needs the cores, and sleep otherwise.

OpenMP's threads meet thousands of times in a training step. One that sleeps has to be woken every
time; one that spins is there at once, but holds a core that others may need: beside one busy
program a step takes four times as long (docs/decisions/0006). libgomp has no switch between the
two, but spins no more as soon as it has more threads than there are cores
(`gomp_throttled_spin_count_var` in its sources). So threads that do nothing are the switch.
"""

import math
import os
import sys
import threading
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_SPINS = 100_000
"""Turns of a waiting thread before it sleeps all the same: some milliseconds."""
_PERIOD = 1.0
"""Seconds from look to look at the machine."""
OTHERS = 0.25
"""Cores that others use from which on threads sleep."""
CALM = 3
"""Looks without others after which they spin."""
_GRAIN = 32_768
"""Elements that torch gives each thread at least (at::internal::GRAIN_SIZE)."""


def choose() -> bool:
    """Say how threads wait, before torch is loaded; whether they may spin, which `watch` decides.

    They may where Linux tells of others' work and the user has not said how threads should wait.
    """
    free = not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if not free or "torch" in sys.modules or not _STAT.exists():
        return False
    os.environ["GOMP_SPINCOUNT"] = str(_SPINS)
    return True


def watch(threads: int) -> None:
    """Let the `threads` of this process spin when it has been alone for a while, from now on.

    Call it once, as soon as torch is loaded: until it is known that nobody works, they sleep.
    """
    # Read by now; what this process starts has nobody who watches.
    os.environ.pop("GOMP_SPINCOUNT", None)
    if threads > 1:
        asleep = _sleepers(threads)
        threading.Thread(target=_watch, args=(threads, asleep), daemon=True).start()


def calm(before: int, others: float) -> int:
    """Looks in a row at which others used fewer than OTHERS cores, after one more."""
    return before + 1 if others < OTHERS else 0


def sleepers(threads: int, cores: int) -> int:
    """Pools of `threads` that it takes, beside the one at work, to be more than the `cores`."""
    return max(1, math.ceil((cores + 1 - threads) / (threads - 1)))


def _watch(threads: int, asleep: threading.Event | None) -> None:
    looks, seen = 0, _seen()
    while True:
        time.sleep(_PERIOD)
        now = _seen()
        looks = calm(looks, _others(seen, now))
        seen = now
        if asleep and looks >= CALM:
            asleep.set()
            asleep = None
        elif not asleep and looks < CALM:
            asleep = _sleepers(threads)


def _sleepers(threads: int) -> threading.Event:
    """Threads of libgomp that do nothing; they end when the event is set."""
    done = threading.Event()
    for _ in range(sleepers(threads, len(os.sched_getaffinity(0)))):
        threading.Thread(target=_sleep, args=(threads, done), daemon=True).start()
    return done


def _sleep(threads: int, done: threading.Event) -> None:
    """A thread with a pool of its own, which lives as long as the thread does."""
    import torch

    torch.ones(threads * _GRAIN).add_(1)
    done.wait()


def _seen() -> tuple[float, float, float]:
    """Seconds: of the clock, of all work on the machine since it started, of ours."""
    fields = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    ticks = sum(fields) - fields[3] - fields[4]
    return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time()


def _others(before: tuple[float, float, float], now: tuple[float, float, float]) -> float:
    """Cores that others used between two looks."""
    clock, machine, own = (b - a for a, b in zip(before, now, strict=True))
    return (machine - own) / clock

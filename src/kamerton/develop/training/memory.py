"""How many rows are in memory at the same time: as many as fit, found by trying.

On Linux an allocation succeeds whatever there is; when the pages are used, the kernel kills the
process, and nobody can try with less. A bound on the process's own data makes the allocation fail
instead.
"""

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

T = TypeVar("T")

_WORDS = re.compile(
    r"can't allocate memory|DefaultCPUAllocator|bad_alloc|out of memory", re.IGNORECASE
)

_MARGIN = 0.95
"""Share of the free memory that may be taken; the rest is for what the kernel needs for it."""
_GROUPS = {
    Path("/sys/fs/cgroup"): ("memory.max", "memory.current"),
    Path("/sys/fs/cgroup/memory"): ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""A container's bound and use: control groups of version 2, and of version 1."""
_MEMORY, _STATUS = Path("/proc/meminfo"), Path("/proc/self/status")


def run_with(
    micro_batch_size: int | Literal["auto"], batch_size: int, train: Callable[[int], T]
) -> T:
    """Call `train` with the rows to have in memory at once, and give what it gives.

    Their number always divides `batch_size`, so that the parts of a step make up exactly one batch.
    Where memory runs out: with "auto" it is halved and `train` called again (it goes on from its
    newest checkpoint); with a number of the user's, InputError says which would be tried next.
    """
    rows = batch_size if micro_batch_size == "auto" else divisor(batch_size, micro_batch_size)
    while True:
        try:
            with within_memory():
                return train(rows)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if rows == 1:
                raise InputError("develop.training_one_row") from error
            less = divisor(batch_size, rows // 2)
            if micro_batch_size != "auto":
                raise InputError("develop.training_memory", rows=rows, less=less) from error
        # Outside the handler: the exception held the frames, and they what filled the memory.
        gc.collect()
        note(say("develop.training_halved", rows=rows, less=less))
        rows = less


def divisor(batch_size: int, most: int) -> int:
    """The largest divisor of `batch_size` that is no more than `most`.

    >>> divisor(12, 5)
    4
    """
    return next(n for n in range(min(most, batch_size), 0, -1) if batch_size % n == 0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's, torch's on a CPU, or on a GPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_WORDS.search(str(error)))


def free_bytes() -> int | None:
    """Memory that can still be taken without swapping, in bytes; None where Linux does not say."""
    if not _MEMORY.is_file():
        return None
    left = [_field(_MEMORY, "MemAvailable:") * 1024]
    for folder, names in _GROUPS.items():
        limit, used = (folder / name for name in names)
        if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
            # Pages of files that can be dropped are free.
            droppable = _field(folder / "memory.stat", "inactive_file")
            left.append(int(limit.read_text()) - int(used.read_text()) + droppable)
    return min(left)


def _field(path: Path, name: str) -> int:
    """The number after a name at the beginning of a line; 0 where there is no such line."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)


@contextmanager
def within_memory() -> Iterator[None]:
    """Within the block, taking more memory than there is raises an error instead of a kill.

    Nothing is bounded where Linux does not say how much there is, nor where a GPU is used: its
    driver maps much more than it takes.
    """
    import torch

    free = free_bytes()
    if free is None or torch.cuda.is_available():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = _field(_STATUS, "VmData:") * 1024 + int(free * _MARGIN)
    bounds = [bound for bound in (most, *before) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)

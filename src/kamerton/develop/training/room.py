"""How much memory there is, and a bound that turns too much into an error one can answer.

On Linux an allocation succeeds whatever there is; when the pages are used, the kernel kills the
process, and nobody can try with less. A bound on the process's own data makes the allocation fail
instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARGIN = 0.95
"""Share of the free memory that may be taken; the rest is for what the kernel needs for it."""
_GROUPS = {
    Path("/sys/fs/cgroup"): ("memory.max", "memory.current"),
    Path("/sys/fs/cgroup/memory"): ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""A container's bound and use: control groups of version 2, and of version 1."""
_MEMORY, _STATUS = Path("/proc/meminfo"), Path("/proc/self/status")


def free_bytes() -> int | None:
    """Memory that can still be taken without swapping, in bytes; None where Linux does not say."""
    if not _MEMORY.is_file():
        return None
    left = [_field(_MEMORY, "MemAvailable:") * 1024]
    left += [_group_free(folder, *names) for folder, names in _GROUPS.items() if _bounded(folder)]
    return min(left)


def _bounded(folder: Path) -> bool:
    """Whether a control group of memory is mounted there, with a bound in bytes."""
    limit, used = (folder / name for name in _GROUPS[folder])
    return limit.is_file() and used.is_file() and limit.read_text().strip().isdigit()


def _group_free(folder: Path, limit: str, used: str) -> int:
    """Its bound, less what is in use; pages of files that can be dropped are free."""
    numbers = [int((folder / name).read_text()) for name in (limit, used)]
    return numbers[0] - numbers[1] + _field(folder / "memory.stat", "inactive_file")


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
    free = free_bytes()
    if free is None or _has_gpu():
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


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())

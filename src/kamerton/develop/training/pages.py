"""Memory that stays with the process from step to step, instead of being asked for again.

The C library gives large blocks back to the system when they are freed. A training step frees and
takes the same gigabytes every time, and each page of 4 KiB that comes back is zeroed by the kernel
at its first touch, while threads that share the work wait. Large pages, which `repeat.repeatable`
asks torch for, make what is left of it cheap. Measured: docs/decisions/0006.
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM, _THRESHOLD, _BLOCKS = -1, -3, -4
"""Of mallopt(3): M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_MMAP_MAX."""
_KEPT = {_BLOCKS: 0, _TRIM: -1}
"""No block of its own for anything, and nothing trimmed."""
_OWN = {_BLOCKS: 65536, _THRESHOLD: 32 * 2**20, _TRIM: 64 * 2**20}
"""Where glibc's own thresholds end once it has seen large blocks come and go."""


@contextmanager
def kept() -> Iterator[None]:
    """Within the block freed memory stays with the process; then what is free goes to the system.

    With another C library than glibc nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    _set(library, _KEPT)
    try:
        yield
    finally:
        _set(library, _OWN)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for name, value in values.items():
        library.mallopt(name, value)

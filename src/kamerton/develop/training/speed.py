"""Everything that makes a training faster without changing what it computes, in one call.

What each part brings, and what was tried and failed: docs/decisions/0006-speed-without-a-gpu.md.

Freed memory stays with the process: the C library gives large blocks back to the system when they
are freed. A training step frees and takes the same gigabytes every time, and each page of 4 KiB
that comes back is zeroed by the kernel at its first touch, while threads that share the work wait.
Large pages, which `threads.repeatable` asks torch for, make what is left of it cheap.

This module imports torch at its top: it is itself imported only when training starts.
"""

import ctypes
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch  # noqa: TID253

from kamerton.develop.training import attention, elementwise, linear

PARTS: dict[str, tuple[Callable[[Any], int], Callable[[Any], None]]] = {
    "products": (linear.use, linear.undo),
    "low_rank": (linear.use_lora, linear.undo_lora),
    "elementwise": (elementwise.use, elementwise.undo),
    "shared_prefixes": (attention.share_prefixes, attention.unshare_prefixes),
}
"""How each is put into a model, and taken back; either twice does no harm."""

_TRIM, _THRESHOLD, _BLOCKS = -1, -3, -4
"""Of mallopt(3): M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_MMAP_MAX."""
_KEPT = {_BLOCKS: 0, _TRIM: -1}
"""No block of its own for anything, and nothing trimmed."""
_OWN = {_BLOCKS: 65536, _THRESHOLD: 32 * 2**20, _TRIM: 64 * 2**20}
"""Where glibc's own thresholds end once it has seen large blocks come and go."""


def use(model: Any) -> dict[str, int]:
    """Put all parts into `model` where they are exact and worth it; layers that each replaced.

    On a CPU only. Call it again once the model has its adapter, and after `attention.use`, in
    whose rows prefixes are shared.
    """
    if model.device.type != "cpu":
        return {}
    return {name: int(put(model)) for name, (put, _) in PARTS.items()}


def undo(model: Any) -> None:
    """The model as it was, for `model` itself or for the base that its adapter was put into."""
    for _, take in PARTS.values():
        take(model)


@contextmanager
def faster(model: Any) -> Iterator[None]:
    """All parts in `model` within the block, and in an adapter for which `use` is called there.

    Freed memory stays with the process meanwhile, and is not filled before it is written, as torch
    does to find errors where algorithms are deterministic: nothing here reads what it has not
    written.
    """
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False
    use(model)
    try:
        with kept_memory():
            yield
    finally:
        undo(model)
        torch.utils.deterministic.fill_uninitialized_memory = filled


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block freed memory stays with the process; then what is free goes to the system.

    With another C library than glibc nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    for name, value in _KEPT.items():
        library.mallopt(name, value)
    try:
        yield
    finally:
        for name, value in _OWN.items():
            library.mallopt(name, value)
        library.malloc_trim(0)

"""Everything that makes a training faster without changing what it computes, in one call.

What each part brings, and what was tried and failed: docs/decisions/0006-speed-without-a-gpu.md.
This module imports torch at its top: it is itself imported only when training starts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch  # noqa: TID253

from kamerton.develop.training import elementwise, layouts, lowrank, pages, prefixes

PARTS: dict[str, tuple[Callable[[Any], int], Callable[[Any], None]]] = {
    "products": (layouts.use, layouts.undo),
    "low_rank": (lowrank.use, lowrank.undo),
    "elementwise": (elementwise.use, elementwise.undo),
    "beginnings": (prefixes.use, prefixes.undo),
}
"""How each is put into a model, and taken back; either twice does no harm."""


def use(model: Any) -> dict[str, int]:
    """Put all parts into `model` where they are exact and worth it; what each replaced now.

    On a CPU only. Call it again once the model has its adapter, and after `attention.use`:
    common beginnings are shared within the rows of that.
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
    """All parts in `model`, and in what is put into it meanwhile and told to `use`; then none.

    Freed memory stays with the process meanwhile, and is not filled before it is written, as torch
    does to find errors where algorithms are deterministic: nothing here reads what it has not
    written.
    """
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False
    use(model)
    try:
        with pages.kept():
            yield
    finally:
        undo(model)
        torch.utils.deterministic.fill_uninitialized_memory = filled

"""How many rows are in memory at the same time: as many as fit, found by trying."""

import gc
import re
from collections.abc import Callable
from typing import Literal, TypeVar

from kamerton.develop.training.room import within_memory
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

T = TypeVar("T")

_WORDS = re.compile(
    r"can't allocate memory|DefaultCPUAllocator|bad_alloc|out of memory", re.IGNORECASE
)


def run_with(rows_at_once: int | Literal["auto"], batch_size: int, train: Callable[[int], T]) -> T:
    """What `train` gives, called with the number of rows to have in memory at once.

    That number always divides `batch_size`, so that the parts of a step make up exactly one batch.
    Where memory runs out: with "auto" it is halved and `train` called again (it goes on from its
    newest checkpoint); with a number of the user's, InputError says which would be tried next.
    """
    rows = batch_size if rows_at_once == "auto" else divisor(batch_size, rows_at_once)
    while True:
        try:
            with within_memory():
                return train(rows)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            less = _less(batch_size, rows, rows_at_once, error)
        # Outside the handler: the exception held the frames, and they what filled the memory.
        gc.collect()
        note(say("develop.training_halved", rows=rows, less=less))
        rows = less


def _less(batch_size: int, rows: int, asked: int | Literal["auto"], error: Exception) -> int:
    if rows == 1:
        raise InputError("develop.training_one_row") from error
    less = divisor(batch_size, rows // 2)
    if asked != "auto":
        raise InputError("develop.training_memory", rows=rows, less=less) from error
    return less


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

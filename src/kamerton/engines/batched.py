"""The batched engine in a supervised child process: one float32 model, many answers at a time.

For evaluation on a CPU: what many prompts have in common is computed once, samples fork it, slots
are refilled at once. It speaks /v1 itself (docs of `batched_worker`), with a bearer key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from kamerton.engines.process import Engine

_WORKER = "kamerton.engines.batched_worker"
_DEADLINE = 600.0
"""Seconds: float weights are read whole, hashed, and laid out anew."""


@dataclass(frozen=True)
class BatchedSettings:
    """What the engine loads, and how wide it runs."""

    weights: str
    """Folder of a float model, with its tokenizer."""
    name: str
    """Its model id."""
    adapter: str = ""
    """Folder of a PEFT adapter that can be merged into the weights (LoRA, DoRA); empty: none."""
    template: str = ""
    """Chat template, by its name in `kamerton.formats.templates`; empty: no chats."""
    slots: int = 32
    """Answers computed at the same time."""
    threads: int = 1


def engine(settings: BatchedSettings) -> Engine:
    """An engine of one model, not started yet."""
    return Engine(_WORKER, asdict(settings), settings.weights, _DEADLINE)


@contextmanager
def running(settings: BatchedSettings) -> Iterator[Engine]:
    """A started engine, ended with the block; InputError where it cannot load the model."""
    one = engine(settings)
    try:
        one.start()
        yield one
    finally:
        one.stop()

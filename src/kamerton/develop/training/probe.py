"""What a run will take, measured: some of its own steps, without changing anything."""

import random
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kamerton.formats.language import say
from kamerton.formats.progress import note

STEPS, SECONDS = 20, 20.0
_SCRATCH = 2**22


@dataclass(frozen=True)
class Probe:
    """What some steps took, and so what all will take."""

    steps: int
    """Steps that were timed; the first, which also sets things up, is not among them where
    there are more."""
    tokens_per_second: float
    """Forward and backward; padding is no token."""
    update_seconds: float
    """The optimiser's part of one step."""
    seconds: float
    """Expected for the whole run."""
    peak_gib: float
    """Most memory that the process held so far (resident)."""


def probe(
    model: Any,
    steps: Iterable[list[dict[str, Any]]],
    loss: Callable[[Any, list[dict[str, Any]]], None],
    tokens: int,
    total_steps: int,
) -> Probe:
    """Time forward and backward of up to 20 of a run's steps, or as many as fit in 20 seconds.

    `steps` gives for each optimiser step its batches; `loss(model, batches)` computes their loss
    and its gradient, as the run will (it calls `backward`). `tokens`: of all steps of the run
    together. The optimiser itself is timed on scratch tensors: the weights do not move. Neither do
    the random states, the model's buffers, its gradients or its mode. No more than a tenth of a
    short run is probed. ValueError where there is no step.
    """
    most = max(2, min(STEPS, total_steps // 10))
    with undisturbed(model):
        model.train()
        timed = _time(model, steps, loss, most)
        update = _update_seconds(sum(p.numel() for p in model.parameters() if p.requires_grad))
    rate = sum(size for size, _ in timed) / sum(taken for _, taken in timed)
    expected = tokens / rate + total_steps * update
    return Probe(len(timed), rate, update, expected, peak_gib())


def _time(model: Any, steps: Iterable[Any], loss: Any, most: int) -> list[tuple[int, float]]:
    """Tokens and seconds of each step, without the first where there are more."""
    timed: list[tuple[int, float]] = []
    began = time.perf_counter()
    for _, batches in zip(range(most), steps, strict=False):
        start = time.perf_counter()
        loss(model, batches)
        timed.append((sum(map(_tokens, batches)), time.perf_counter() - start))
        model.zero_grad()
        if time.perf_counter() - began > SECONDS:
            break
    if not timed:
        raise ValueError("no step to probe")
    return timed[1:] or timed


def _tokens(batch: dict[str, Any]) -> int:
    mask = batch.get("attention_mask")
    return int(batch["input_ids"].numel() if mask is None else mask.sum())


def _update_seconds(parameters: int) -> float:
    """One step of AdamW, measured on at most four million scratch weights, for `parameters`."""
    import torch

    scratch = torch.zeros(min(parameters, _SCRATCH), requires_grad=True)
    optimiser = torch.optim.AdamW([scratch], fused=True)
    scratch.grad = torch.zeros_like(scratch)
    optimiser.step()  # makes its state
    start = time.perf_counter()
    optimiser.step()
    taken = time.perf_counter() - start
    return taken * parameters / max(len(scratch), 1)


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """After the block the random states and the model's gradients, buffers, mode are as before."""
    import numpy
    import torch

    states = random.getstate(), numpy.random.get_state()
    modes = {module: module.training for module in model.modules()}
    gradients = [(p, p.grad) for p in model.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        for module, training in modes.items():
            module.training = training
        for parameter, gradient in gradients:
            parameter.grad = gradient
        with torch.no_grad():
            for buffer, was in buffers:
                buffer.copy_(was)


def peak_gib() -> float:
    """Most resident memory that this process held so far, in GiB."""
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB elsewhere


def tell(result: Probe) -> None:
    """The expectation as one line on stderr, before the run."""
    minutes, seconds = divmod(round(result.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    time = f"{hours}:{minutes:02}:{seconds:02}"
    rate, gib = result.tokens_per_second, result.peak_gib
    note(say("develop.training_expected", time=time, rate=rate, steps=result.steps, gib=gib))

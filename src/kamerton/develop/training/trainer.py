"""What every Trainer is given: its arguments, the live line, and two ways to stop well.

This module imports transformers at its top: it is itself imported only when training starts.
"""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from transformers import TrainerCallback  # noqa: TID253

from kamerton.develop.settings import TrainingSettings
from kamerton.develop.training.resume import newest_checkpoint, step_of
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress, record

TERMINATED = 128 + signal.SIGTERM
"""The exit code of a process that SIGTERM ended, as shells count it."""
STEP_SECONDS, SAVE_SECONDS = 3.0, 4.5
"""Seconds after SIGTERM that the step in progress may take, and step and saving together.
The parent sends SIGKILL after 5."""
_ID, _SHOWN = "id", 8


def arguments(settings: TrainingSettings, folder: Path, steps: int, seed: int) -> dict[str, Any]:
    """Fields of transformers' TrainingArguments, for `steps` optimiser steps into `folder`.

    A warm-up, then down to zero along a cosine; the last two checkpoints are kept; every step is
    in the Trainer's own records, a loss that is not finite too; nothing is sent or shown.
    """
    return {
        "output_dir": str(folder),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(settings.warmup * steps),
        "weight_decay": settings.weight_decay,
        "remove_unused_columns": False,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
        "data_seed": seed,
        "dataloader_pin_memory": False,
    }


@dataclass
class Watch:
    """What the optimiser step in progress works on; filled by `Watched`, read by the callbacks."""

    ids: list[str] = field(default_factory=list)
    """Ids of the step's rows."""
    supervised: int = 0
    """Tokens of the step that are learnt."""
    losses: list[Any] = field(default_factory=list)
    """Losses of its parts so far, each a tensor []."""

    def begin(self, ids: Sequence[str], supervised: int) -> None:
        """A new step over rows `ids` with so many supervised tokens."""
        self.ids, self.supervised, self.losses = list(ids), supervised, []


class Watched:
    """Mixed into a Trainer before its class: tells `watch` which rows each step works on.

    Batches carry their rows' ids under "id" (`with_ids`); they are taken out here, because a
    model does not expect them.
    """

    watch: Watch

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
        """As the Trainer's: the batches of one optimiser step, and their number of targets."""
        batches, items = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        ids = [id for batch in batches for id in batch.pop(_ID, [])]
        self.watch.begin(ids, sum(map(supervised_tokens, batches)))
        return batches, items

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's: forward and backward of one batch; the loss [], detached."""
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.watch.losses.append(loss)
        return loss


def with_ids(collate: Callable[[list[Any]], dict[str, Any]]) -> Callable[[list[Any]], Any]:
    """`collate`, with the ids of the rows kept under "id"."""

    def keep(rows: list[Any]) -> dict[str, Any]:
        ids = [str(row[_ID]) for row in rows]
        others = [{key: value for key, value in row.items() if key != _ID} for row in rows]
        return {**collate(others), _ID: ids}

    return keep


def supervised_tokens(batch: Any) -> int:
    """Targets of a batch, from its "supervised", "completion_mask" or "labels" [rows, length]."""
    for name in ("supervised", "completion_mask"):
        if name in batch:
            return int(batch[name][..., 1:].sum())
    return int((batch["labels"][..., 1:] != -100).sum()) if "labels" in batch else 0


def train(
    trainer: Any,
    label: str,
    total: int,
    rows: int,
    checkpoints: Path,
    more: Callable[[Any], Sequence[Any]] = lambda bar: (),
) -> list[dict[str, Any]]:
    """Train from the newest checkpoint, or from the start; give the Trainer's records of all steps.

    `trainer`: a `Watched` one. `total`: rows of all epochs, for the progress line `label`; `rows`:
    those of one. `more`: makes further callbacks, given the line.
    """
    checkpoint = newest_checkpoint(checkpoints)
    if checkpoint:
        note(say("develop.resumed", step=step_of(checkpoint)))
    with (
        progress(label, total, say("develop.rows")) as bar,
        watching(trainer.watch, bar, rows, checkpoints) as callbacks,
    ):
        for callback in (*callbacks, *more(bar)):
            trainer.add_callback(callback)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


@contextmanager
def watching(watch: Watch, bar: Any, rows: int, checkpoints: Path) -> Iterator[list[Any]]:
    """The callbacks of a run, in their order; SIGTERM is theirs as long as the block lasts.

    `bar`: a progress line over rows; `rows`: rows of one epoch; `checkpoints`: the Trainer's
    output folder.
    """
    stop = Stop(checkpoints)
    with stop.listening():
        yield [Guard(watch, checkpoints), Live(watch, bar, rows), stop]


class Live(TrainerCallback):  # type: ignore[misc]
    """Moves the bar row by row; beside it the loss and the supervised tokens per second."""

    def __init__(self, watch: Watch, bar: Any, rows: int) -> None:
        """`rows`: rows of one epoch, to find the place on the bar when a run is resumed."""
        self._watch, self._bar, self._rows = watch, bar, rows
        self._tokens, self._loss, self._start = 0, math.nan, time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The bar begins where the checkpoint stands; its rate counts this process only."""
        bar = self._bar
        step_rows = args.train_batch_size * args.gradient_accumulation_steps
        epochs, steps = divmod(state.global_step, math.ceil(self._rows / step_rows))
        done = min(epochs * self._rows + steps * step_rows, bar.total)
        bar.initial = bar.n = bar.last_print_n = done
        bar.start_t = bar.last_print_t = time.time()
        bar.refresh()
        self._start = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One step further."""
        self._tokens += self._watch.supervised
        self._bar.update(min(len(self._watch.ids), self._bar.total - self._bar.n))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The figures beside the bar and among the events, with each loss that the Trainer logs."""
        record(state.global_step, logs or {})
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        rate = self._tokens / max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(say("develop.training_live", loss=loss, rate=rate))


def _last_checkpoint(folder: Path) -> str:
    last = newest_checkpoint(folder)
    return last.name if last else say("develop.training_no_checkpoint")


class Guard(TrainerCallback):  # type: ignore[misc]
    """Stops at a loss or a gradient that is not finite, before the weights take it in.

    So every checkpoint that was written holds sound weights, and none is written afterwards.
    """

    def __init__(self, watch: Watch, checkpoints: Path) -> None:
        """`checkpoints`: where the last good one is looked up."""
        self._watch, self._checkpoints = watch, checkpoints

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Before the weights move: all losses of the step, and its gradient, are finite."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        values = [*self._watch.losses, torch.nn.utils.get_total_norm(gradients)]
        if not all(bool(torch.isfinite(value)) for value in values):
            self._stop(state.global_step + 1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """For Trainers that tell no `Watch` their losses: comes before a checkpoint is written."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self._stop(state.global_step)

    def _stop(self, step: int) -> None:
        ids = self._watch.ids
        shown = ", ".join(ids[:_SHOWN]) + (" …" if len(ids) > _SHOWN else "")
        raise InputError(
            "develop.training_non_finite",
            where=str(self._checkpoints),
            step=step,
            rows=shown or "?",
            checkpoint=_last_checkpoint(self._checkpoints),
        )


class Stop(TrainerCallback):  # type: ignore[misc]
    """On SIGTERM: the step in progress ends, a checkpoint is saved, the process ends with 143.

    Where step and saving take longer than the parent waits, the process ends without them: the
    last checkpoint is there. (`enable_jit_checkpoint` of transformers waits three seconds before
    it begins, then returns from train() as from a finished training: of no use here.)
    """

    def __init__(self, checkpoints: Path) -> None:
        """`checkpoints`: where the last one is looked up, if none can be saved in time."""
        self._checkpoints = checkpoints
        self._received = 0.0
        """When SIGTERM came, by the monotonic clock; 0: it did not."""
        self._timer: threading.Timer | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGTERM is ours within the block; only the main thread can receive it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self._receive)
        try:
            yield
            if self._received:  # it came after the last step; the checkpoints say how far we were
                self._end()
        finally:
            self._cancel()
            signal.signal(signal.SIGTERM, before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a step in which SIGTERM came: save now, and no further step."""
        if self._received:
            control.should_save = control.should_training_stop = True
            self._wait(self._received + SAVE_SECONDS - time.monotonic())

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The checkpoint is whole: say so and end."""
        if self._received:
            self._cancel()
            self._end()

    def _end(self, leave: Callable[[int], Any] = sys.exit) -> None:
        last = _last_checkpoint(self._checkpoints)
        note("\n" + say("develop.training_stopped", checkpoint=last))
        leave(TERMINATED)

    def _receive(self, number: int, frame: Any) -> None:
        if not self._received:
            self._received = time.monotonic()
            self._wait(STEP_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._cancel()
        # The main thread may be inside a step, which nothing interrupts.
        self._timer = threading.Timer(max(seconds, 0.0), self._end, [os._exit])
        self._timer.daemon = True
        self._timer.start()

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()

"""Learning from answers (sft): checks on the actual model, then its training."""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import attention, speed
from kamerton.develop.training.callbacks import watching
from kamerton.develop.training.checks import Masks
from kamerton.develop.training.probe import probe, tell
from kamerton.develop.training.repeat import repeatable
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.tune import checked, estimate, report, trainer
from kamerton.develop.tune.batches import Batches, collate, columns, on_device, targets
from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.loss import supervised_loss
from kamerton.develop.tune.task import Task
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress

_PROBED_STEPS, _LONG_RUN = 4, 40
"""Steps that are timed before a run of at least so many."""


def train(
    model: Any, task: Task, rows: Sequence[Encoded], right: Masks, rows_at_once: int
) -> dict[str, object]:
    """Train `model` in place; give the figures of it. checks.json is written before the start.

    `right`: what the check of the masks found, before the model was there.
    """
    settings = task.settings
    together = collation(model, settings, max(len(row.ids) for row in rows))
    speed.use(model)
    checked.write(model, task, rows, right, together)
    batches = Batches([len(row.ids) for row in rows], settings.batch_size, rows_at_once, task.seed)
    checkpoint = newest_checkpoint(task.checkpoints)
    if checkpoint:
        note(say("develop.resumed", step=checkpoint.name.rsplit("-", 1)[-1]))
    else:
        _expect(model, rows, together, batches, settings)
    repeatable(task.seed, task.threads)
    made = trainer.build(
        model, task.tokenizer, rows, together, _arguments(model, task, rows, batches), batches
    )
    started = time.monotonic()
    with (
        progress(say("develop.training"), math.ceil(len(rows) * settings.epochs)) as bar,
        watching(made.watch, bar, len(rows), task.checkpoints) as callbacks,
    ):
        bar.unit = say("develop.rows")
        for callback in callbacks:
            made.add_callback(callback)
        made.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return report.of_training(made.state.log_history, made.learnt, time.monotonic() - started)


def collation(model: Any, settings: TuneSettings, longest: int) -> trainer.Collate:
    """Rows in one flat row where that is exact, else padded.

    Padded: where the settings say so, and for architectures that attend in another way.
    """
    if settings.pads:
        return collate
    try:
        attention.use(model, longest)
    except InputError:
        return collate
    return attention.flatten


def _arguments(model: Any, task: Task, rows: Sequence[Encoded], batches: Batches) -> Any:
    return trainer.arguments(
        task.settings, batches, len(rows), task.checkpoints, task.seed, model.config.use_cache
    )


def _expect(
    model: Any,
    rows: Sequence[Encoded],
    together: trainer.Collate,
    batches: Batches,
    settings: TuneSettings,
) -> None:
    """Say what a longer run will take, by a few of its steps; short ones are over sooner."""
    steps = estimate.steps(len(rows), settings)
    if steps < _LONG_RUN:
        return
    tokens = round(sum(len(row.ids) for row in rows) * settings.epochs)
    first = islice(_steps(rows, together, batches), _PROBED_STEPS)
    tell(probe(model, first, _backward, tokens, steps))


def _steps(
    rows: Sequence[Encoded], together: trainer.Collate, batches: Batches
) -> Iterator[list[dict[str, Any]]]:
    parts = iter(batches)
    while indices := list(islice(parts, batches.parts)):
        yield [together(columns([rows[i] for i in part])) for part in indices]


def _backward(model: Any, parts: list[dict[str, Any]]) -> None:
    items = targets(parts)
    for part in parts:
        supervised_loss(model, on_device(model, part), items).backward()

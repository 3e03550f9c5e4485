"""The training itself: from the newest checkpoint to the last step, looked at on the way."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain import evaluate, model, rows
from kamerton.develop.pretrain.continuations import continued, record
from kamerton.develop.pretrain.work import Work
from kamerton.develop.training.probe import probe, tell
from kamerton.develop.training.repeat import repeatable
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress

_LONG_RUN, _PROBED_STEPS, _PROBED_ROWS = 40, 6, 4
"""Steps from which a run's time is told beforehand, and by how much of it."""


def train(work: Work, made: Any, rows_at_once: int) -> list[dict[str, Any]]:
    """Train `made` in place; give the Trainer's records of all steps, evaluations among them."""
    from kamerton.develop.pretrain import trainer

    checkpoint = newest_checkpoint(work.checkpoints)
    if checkpoint:
        note(say("develop.resumed", step=_step(checkpoint)))
        if _step(checkpoint) >= work.total:
            return _trained(made, checkpoint)
    told = trainer.arguments(work.settings, work.checkpoints, rows_at_once, work.total, work.seed)
    training = trainer.build(made, work.train, told)
    training.half = model.computes_bf16(told.device.type)
    if not checkpoint:
        _expect(made, work, rows_at_once, training.half)
    repeatable(work.seed, work.threads)
    return _run(training, work, made, rows_at_once, checkpoint)


def _run(
    training: Any, work: Work, made: Any, rows_at_once: int, checkpoint: Path | None
) -> list[dict[str, Any]]:
    from kamerton.develop.pretrain.trainer import Diary
    from kamerton.develop.training.callbacks import watching

    with (
        progress(say("develop.pretraining"), work.rows) as bar,
        watching(training.watch, bar, len(work.train), work.checkpoints) as callbacks,
    ):
        bar.unit = say("develop.rows")
        look = partial(_look, work, made, _part(work), rows_at_once, training.half, bar)
        diary = Diary(training.watch, work.settings.eval_steps, look)
        for callback in (*callbacks, diary):
            training.add_callback(callback)
        training.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    history: list[dict[str, Any]] = training.state.log_history
    return history


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[-1])


def _trained(made: Any, checkpoint: Path) -> list[dict[str, Any]]:
    """A training that ended, but was killed before its figures: the Trainer would train on."""
    from safetensors.torch import load_model
    from transformers import TrainerState

    load_model(made, checkpoint / "model.safetensors")
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    history: list[dict[str, Any]] = state.log_history
    return history


def _part(work: Work) -> evaluate.HeldOut | None:
    if work.held_out is None:
        return None
    every, batch = work.settings.eval_steps, work.settings.batch_size
    return evaluate.part(work.held_out, work.data / rows.TOKENIZER, every, batch, work.seed)


def _expect(made: Any, work: Work, rows_at_once: int, half: bool) -> None:
    """Say what a longer run will take, by some steps of it."""
    if work.total < _LONG_RUN:
        return
    first = _probed(work, rows_at_once)
    tell(probe(made, first, partial(_backward, half), work.rows * work.context, work.total))


def _probed(work: Work, rows_at_once: int) -> Iterator[list[dict[str, Any]]]:
    """One part of a step as large as they will be, then small ones, which alone are timed.

    So memory that does not suffice runs out here, and not after the first evaluation.
    """
    small = min(rows_at_once, _PROBED_ROWS)
    for size in (rows_at_once, *[small] * _PROBED_STEPS):
        chosen = [work.train[n % len(work.train)] for n in range(size)]
        yield [rows.collate(chosen, work.train.marks)]


def _backward(half: bool, made: Any, batches: list[dict[str, Any]]) -> None:
    for batch in batches:
        (evaluate.nats(made, batch, half) / rows.batch_targets(batches)).backward()


def _look(
    work: Work,
    made: Any,
    held_out: evaluate.HeldOut | None,
    rows_at_once: int,
    half: bool,
    bar: Any,
    step: int,
) -> dict[str, float]:
    """How good the model is at a step: on held-out rows, and in words after the prompts."""
    if work.prompts:
        record(work.out, step, work.prompts, continued(made, work.prompts, work.tokenizer))
    if held_out is None:
        return {}
    found = evaluate.evaluate(made, held_out, step, rows_at_once, half)
    bar.clear()
    note(say("develop.pretrain_step", **found.model_dump()))
    return found.model_dump(exclude={"step"})

"""Learning from answers (sft): trl's SFTTrainer with our loss, our batches, none of its defaults.

What trl would do by itself costs time or tells others: bf16 and checkpointing of activations (slow
on a CPU), rows cut at 1024 tokens without a word, a score of every position with its entropy,
adapters of a quantised base rounded to bf16, model cards, telemetry. This module imports torch and
trl at its top: it is itself imported only when training starts.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from datasets import Dataset  # noqa: TID253
from transformers.utils import logging  # noqa: TID253
from trl import SFTConfig, SFTTrainer  # noqa: TID253

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import attention, checks, speed, trainer
from kamerton.develop.training.checks import Encoded
from kamerton.develop.training.probe import probe, tell
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.training.threads import repeatable
from kamerton.develop.tune import estimate, trl_trainers
from kamerton.develop.tune.batches import Batches, collate, columns, on_device, targets
from kamerton.develop.tune.loss import check_head, supervised_loss
from kamerton.develop.tune.task import Task
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

Collate = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
_PROBED_STEPS, _LONG_RUN = 4, 40
"""Steps that are timed before a run of at least so many."""
_ROUNDING = 1e-3
"""What float32 may make of a gradient, relative: 2e-5 through the 30 layers of the embedded model.
A mean of means is off by a tenth and more (huggingface/trl#2175)."""
_DOCUMENTS, _TOKENS = 3, 64
"""Rows that share one in the test of isolation, and tokens of each."""


def train(
    model: Any, task: Task, rows: Sequence[Encoded], checked: checks.Masks, micro_batch_size: int
) -> dict[str, object]:
    """Train `model` in place; give the figures of it. checks.json is written before the start.

    `checked`: the result of the check of the masks, made before the model was there.
    """
    settings = task.settings
    gather = collation(model, settings, max(len(row.ids) for row in rows))
    speed.use(model)
    _check(model, task, rows, checked, gather)
    lengths = [len(row.ids) for row in rows]
    batches = Batches(lengths, settings.batch_size, micro_batch_size, task.seed)
    if newest_checkpoint(task.checkpoints) is None:
        _expect(model, rows, gather, batches, settings)
    repeatable(task.seed, task.threads)
    made = build(model, task, rows, gather, batches)
    started, total = time.monotonic(), math.ceil(len(rows) * settings.epochs)
    history = trainer.train(made, say("develop.training"), total, len(rows), task.checkpoints)
    seconds = time.monotonic() - started
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return {
        "steps": estimate.steps(len(rows), settings),
        "seconds": round(seconds, 1),
        "supervised_tokens_per_second": round(made.learnt / max(seconds, 1e-9), 1),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "loss": [round(loss, 4) for loss in losses],
    }


def collation(model: Any, settings: TuneSettings, longest: int) -> Collate:
    """Rows in one flat row where that is exact, else padded.

    Padded: where the settings ask for it, and for architectures that attend in another way.
    """
    if settings.pads:
        return collate
    try:
        attention.use(model, longest)
    except InputError:
        return collate
    return attention.flatten


def _check(
    model: Any, task: Task, rows: Sequence[Encoded], checked: checks.Masks, gather: Collate
) -> None:
    """Run the self-tests that need the model, and write checks.json.

    Documents are isolated by padding where rows are padded: then there is nothing to test.
    """
    results: dict[str, Any] = {"masks": checked}
    head = check_head(model, on_device(model, collate(columns(rows[:2]))))
    if gather is not collate:
        documents = [rows[n % len(rows)].ids[:_TOKENS] for n in range(_DOCUMENTS)]
        vocabulary = model.get_input_embeddings().weight.shape[0]
        logits = attention.packed_logits(model)
        results["isolation"] = checks.isolation(logits, documents, vocabulary, model)
    results["accumulation"] = checks.accumulation(
        model,
        checks.windows(columns(rows)),
        lambda part: on_device(model, gather(part)),
        supervised_loss,
        targets,
        _ROUNDING,
    )
    checks.write(task.out, **results, head=head)


def _expect(
    model: Any, rows: Sequence[Encoded], gather: Collate, batches: Batches, settings: TuneSettings
) -> None:
    """Say what a longer run will take, by a few of its steps; short ones are over sooner."""
    steps = estimate.steps(len(rows), settings)
    if steps < _LONG_RUN:
        return

    def in_steps() -> Iterator[list[dict[str, Any]]]:
        parts = iter(batches)
        while indices := list(islice(parts, batches.parts)):
            yield [gather(columns([rows[i] for i in part])) for part in indices]

    def backward(model: Any, parts: list[dict[str, Any]]) -> None:
        items = targets(parts)
        for part in parts:
            supervised_loss(model, on_device(model, part), items).backward()

    tokens = round(sum(len(row.ids) for row in rows) * settings.epochs)
    tell(probe(model, islice(in_steps(), _PROBED_STEPS), backward, tokens, steps))


def build(
    model: Any, task: Task, rows: Sequence[Encoded], gather: Collate, batches: Batches
) -> "Supervised":
    """A trainer of `model` on encoded rows, its weights and its forward pass left as they are."""
    config = SFTConfig(
        **trl_trainers.arguments(task, len(rows), model),
        dataset_kwargs={"skip_prepare_dataset": True},
        per_device_train_batch_size=batches.batch_size,
        gradient_accumulation_steps=batches.parts,
        neftune_noise_alpha=task.settings.neftune_alpha or None,
    )
    # Such as that a file system's times may not be reliable: nothing for a user to act on.
    logging.set_verbosity_error()
    named = [{"id": row.id, **column} for row, column in zip(rows, columns(rows), strict=True)]
    with _kept(model):
        made = Supervised(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(named),
            data_collator=trainer.with_ids(gather),
            processing_class=task.tokenizer,
        )
    made.begin(batches)
    return made


@contextmanager
def _kept(model: Any) -> Iterator[None]:
    """Undoes what trl does to a model: adapters of quantised bases rounded, a head in `forward`."""
    base = attention.whole(model)
    forward = base.__dict__.get("forward")
    weights = {p: p.data for p in model.parameters() if p.requires_grad}
    yield
    for parameter, data in weights.items():
        parameter.data = data
    base.__dict__.pop("forward", None)
    if forward is not None:
        base.forward = forward


class Supervised(trl_trainers.Quiet, SFTTrainer):  # type: ignore[misc]
    """The loss over the supervised tokens of a whole optimiser step, in batches of like length."""

    loss_is_scaled_for_ga = True
    """`supervised_loss` divides by the tokens of all parts of a step."""
    learnt = 0
    """Supervised tokens that this process has trained on."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """One part's share of the step's mean loss, a tensor []."""
        loss = supervised_loss(model, inputs, num_items_in_batch)
        return (loss, None) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Supervised tokens of one optimiser step: our batches have no `labels` to count."""
        items = targets(batch_samples)
        self.learnt += int(items)
        return items

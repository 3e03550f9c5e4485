"""Pretraining itself: transformers' Trainer over packed rows, evaluated between its steps.

This module imports torch at its top: it is itself imported only when training starts.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch  # noqa: TID253
from safetensors.torch import load_model  # noqa: TID253
from transformers import (  # noqa: TID253
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging  # noqa: TID253

from kamerton.develop.pretrain import evaluate, model, rows
from kamerton.develop.pretrain.work import LOOKED, Work
from kamerton.develop.training import trainer
from kamerton.develop.training.probe import probe, tell
from kamerton.develop.training.resume import newest_checkpoint, step_of
from kamerton.develop.training.threads import repeatable
from kamerton.formats.language import say
from kamerton.formats.progress import note, record

_LONG_RUN, _PROBED_STEPS, _PROBED_ROWS = 40, 6, 4
"""Steps from which a run's time is told beforehand, and by how much of it."""
_BETA2 = 0.95
"""AdamW's memory of squared gradients, as in GPT-3 (Brown et al. 2020) and Llama."""


def train(work: Work, made: Any, micro_batch_size: int) -> list[dict[str, Any]]:
    """Train `made` in place, from the newest checkpoint on; the Trainer's records of all steps."""
    settings, checkpoint = work.settings, newest_checkpoint(work.checkpoints)
    if checkpoint and step_of(checkpoint) >= work.total:
        # It ended, but was killed before its figures: the Trainer would train on.
        note(say("develop.resumed", step=step_of(checkpoint)))
        load_model(made, checkpoint / "model.safetensors")
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        return list(state.log_history)
    training = build(work, made, micro_batch_size)
    if not checkpoint:
        _expect(made, work, micro_batch_size, training.half)
    repeatable(work.seed, work.threads)
    held_out, every = work.held_out, settings.eval_steps
    if held_out is not None:
        tokenizer, batch = work.data / rows.TOKENIZER, settings.batch_size
        held_out = evaluate.part(held_out, tokenizer, every, batch, work.seed)

    def evaluations(bar: Any) -> list[Evaluations]:
        def look(step: int) -> dict[str, float]:
            """Evaluate at a step: on held-out rows, and by continuing the prompts."""
            if work.prompts:
                texts = evaluate.continued(made, work.prompts, work.tokenizer)
                evaluate.record(work.out, step, work.prompts, texts)
            if held_out is None:
                return {}
            half = training.half
            result = evaluate.evaluate(made, held_out, step, micro_batch_size, half)
            bar.clear()
            note(say("develop.pretrain_step", **result.model_dump()))
            return result.model_dump(exclude={"step"})

        return [Evaluations(training.watch, every, look)]

    label, count = say("develop.pretraining"), len(work.train)
    return trainer.train(training, label, work.rows, count, work.checkpoints, evaluations)


def _expect(made: Any, work: Work, micro_batch_size: int, half: bool) -> None:
    """Say what a longer run will take, by some steps of it."""
    if work.total < _LONG_RUN:
        return

    def backward(made: Any, batches: list[dict[str, Any]]) -> None:
        for batch in batches:
            (evaluate.nats(made, batch, half) / rows.batch_targets(batches)).backward()

    def steps() -> Iterator[list[dict[str, Any]]]:
        """One part of a step as large as they will be, then small ones, which alone are timed.

        So memory that does not suffice runs out here, and not after the first evaluation.
        """
        small = min(micro_batch_size, _PROBED_ROWS)
        for size in (micro_batch_size, *[small] * _PROBED_STEPS):
            chosen = [work.train[n % len(work.train)] for n in range(size)]
            yield [rows.collate(chosen, work.train.marks)]

    tell(probe(made, steps(), backward, work.rows * work.context, work.total))


def build(work: Work, made: Any, micro_batch_size: int) -> "Pretrainer":
    """A Trainer of `made` on packed rows."""
    # Such as that a file system's times may not be reliable: nothing for a user to act on.
    logging.set_verbosity_error()
    logging.disable_progress_bar()  # of writing weights, in the midst of our own
    options = TrainingArguments(
        **trainer.arguments(work.settings, work.checkpoints, work.total, work.seed),
        max_steps=work.total,
        per_device_train_batch_size=micro_batch_size,
        gradient_accumulation_steps=work.settings.batch_size // micro_batch_size,
        adam_beta2=_BETA2,
        optim="adamw_torch_fused",
        use_cache=True,  # of the saved model; no training step uses one
    )
    # With more GPUs the Trainer would silently multiply the batch.
    options._n_gpu = min(options.n_gpu, 1)
    training = Pretrainer(
        model=made,
        args=options,
        train_dataset=work.train,
        data_collator=trainer.with_ids(partial(rows.collate, marks=work.train.marks)),
    )
    training.watch, training.half = trainer.Watch(), model.computes_bf16(options.device.type)
    training.remove_callback(PrinterCallback)
    return training


class Pretrainer(trainer.Watched, Trainer):  # type: ignore[misc]
    """The loss over the targets of a whole optimiser step, in bfloat16 where that is faster."""

    loss_is_scaled_for_ga = True
    """`compute_loss` divides by the targets of all parts of a step."""
    half = False
    """Whether products of matrices are computed in bfloat16."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """One part's share of the step's mean loss, a tensor []."""
        items = rows.batch_targets([inputs]) if num_items_in_batch is None else num_items_in_batch
        loss = evaluate.nats(model, inputs, self.half) / items
        return (loss, None) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Targets of one optimiser step."""
        return rows.batch_targets(batch_samples)

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        """Matrices that multiply; not norms, biases and embeddings (a tied head is one)."""
        embeddings = {
            id(module.weight)
            for module in model.modules()
            if isinstance(module, torch.nn.Embedding)
        }
        return [
            name
            for name, parameter in model.named_parameters()
            if parameter.ndim > 1 and id(parameter) not in embeddings
        ]


class Evaluations(TrainerCallback):  # type: ignore[misc]
    """Evaluates at step 0 and every so many steps, and keeps seconds and targets across kills.

    Everything stands in the Trainer's own records, so that a checkpoint holds exactly what was
    known at its step.
    """

    def __init__(
        self, watch: trainer.Watch, every: int, look: Callable[[int], dict[str, float]]
    ) -> None:
        """`look` evaluates at a step, and gives figures to record; `every`: its steps."""
        self._watch, self._every, self._look = watch, every, look
        self._start, self._seconds, self._seen = time.monotonic(), 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go on from what the checkpoint knew."""
        last: dict[str, Any] = next((e for e in reversed(state.log_history) if "seen" in e), {})
        self._seconds, self._seen = last.get("seconds", 0.0), int(last.get("seen", 0))
        self._start = time.monotonic()
        self._look_at(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count; evaluate where it is time. The last step is looked at when all is done."""
        self._seen += self._watch.supervised
        if not control.should_training_stop:
            self._look_at(state)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Beside each loss: seconds and targets so far."""
        spent = self._seconds + time.monotonic() - self._start
        state.log_history[-1] |= {"seconds": round(spent, 2), "seen": self._seen}

    def _look_at(self, state: Any) -> None:
        """A checkpoint saved on SIGTERM may lack its step's evaluation: made up for here."""
        step = state.global_step
        done = {entry["step"] for entry in state.log_history if LOOKED in entry}
        if step % self._every or step in done or step >= state.max_steps:
            return
        figures = self._look(step)
        record(step, figures)
        state.log_history.append({"step": step, LOOKED: True, **figures})

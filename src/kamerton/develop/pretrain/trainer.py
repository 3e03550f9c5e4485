"""transformers' Trainer over packed rows, and what happens between its steps.

This module imports torch at its top: it is itself imported only when training starts.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from transformers import (  # noqa: TID253
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging  # noqa: TID253

from kamerton.develop.pretrain.evaluate import nats
from kamerton.develop.pretrain.rows import Rows, batch_targets, collate
from kamerton.develop.pretrain.work import LOOKED
from kamerton.develop.settings import PretrainSettings
from kamerton.develop.training.arguments import common
from kamerton.develop.training.callbacks import Watch, Watched, with_ids

_BETA2 = 0.95
"""AdamW's memory of squared gradients, as in GPT-3 (Brown et al. 2020) and Llama."""


def arguments(
    settings: PretrainSettings, folder: Path, rows_at_once: int, total: int, seed: int
) -> TrainingArguments:
    """What the Trainer is told; precision and device are not among it: see `Pretrainer`."""
    told = TrainingArguments(
        **common(settings, folder, total, seed),
        max_steps=total,
        per_device_train_batch_size=rows_at_once,
        gradient_accumulation_steps=settings.batch_size // rows_at_once,
        adam_beta2=_BETA2,
        optim="adamw_torch_fused",
        use_cache=True,  # of the saved model; no training step uses one
    )
    told._n_gpu = min(told.n_gpu, 1)  # with more, the Trainer would silently multiply the batch
    return told


def build(model: Any, rows: Rows, told: TrainingArguments) -> "Pretrainer":
    """A Trainer of `model` on packed rows."""
    # Such as that a file system's times may not be reliable: nothing for a user to act on.
    logging.set_verbosity_error()
    logging.disable_progress_bar()  # of writing weights, in the midst of our own
    trainer = Pretrainer(
        model=model,
        args=told,
        train_dataset=rows,
        data_collator=with_ids(partial(collate, marks=rows.marks)),
    )
    trainer.watch = Watch()
    trainer.remove_callback(PrinterCallback)
    return trainer


class Pretrainer(Watched, Trainer):  # type: ignore[misc]
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
        items = batch_targets([inputs]) if num_items_in_batch is None else num_items_in_batch
        loss = nats(model, inputs, self.half) / items
        return (loss, None) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Targets of one optimiser step."""
        return batch_targets(batch_samples)

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


class Diary(TrainerCallback):  # type: ignore[misc]
    """Evaluates at step 0 and every so many steps, and keeps seconds and targets across kills.

    Everything stands in the Trainer's own records, so that a checkpoint holds exactly what was
    known at its step.
    """

    def __init__(self, watch: Watch, every: int, look: Callable[[int], dict[str, float]]) -> None:
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
        known = {entry["step"] for entry in state.log_history if LOOKED in entry}
        if step % self._every or step in known or step >= state.max_steps:
            return
        state.log_history.append({"step": step, LOOKED: True, **self._look(step)})

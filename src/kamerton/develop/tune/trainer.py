"""transformers' Trainer with our loss, our collation and our progress line.

This module imports torch at its top: it is itself imported only when training starts.
"""

import math
from typing import Any

import torch  # noqa: TID253
from transformers import (  # noqa: TID253
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.loss import supervised_loss
from kamerton.formats.errors import InputError
from kamerton.formats.language import say


def build(model: Any, rows: list[Encoded], arguments: TrainingArguments, bar: Any) -> Trainer:
    """A Trainer over encoded rows that moves `bar` row by row."""
    dataset = [{"input_ids": list(row.ids), "supervised": list(row.supervised)} for row in rows]
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=collate,
        callbacks=[_Progress(bar)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows padded on the right: input_ids, attention_mask, supervised, each [rows, longest]."""
    longest = max(len(row["input_ids"]) for row in rows)
    shape = (len(rows), longest)
    ids = torch.zeros(shape, dtype=torch.long)
    attention = torch.zeros(shape, dtype=torch.long)
    supervised = torch.zeros(shape, dtype=torch.bool)
    for i, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[i, :length] = torch.tensor(row["input_ids"])
        attention[i, :length] = 1
        supervised[i, :length] = torch.tensor(row["supervised"])
    return {"input_ids": ids, "attention_mask": attention, "supervised": supervised}


class _Trainer(Trainer):  # type: ignore[misc]
    """Trainer with the loss on supervised positions."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        loss = supervised_loss(model, inputs, num_items_in_batch)
        return (loss, None) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Supervised tokens of one optimiser step: our batches have no `labels` to count."""
        return sum(batch["supervised"][:, 1:].sum() for batch in batch_samples)


class _Progress(TrainerCallback):  # type: ignore[misc]
    """Moves the progress line, and stops at a loss that is no number."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(int(state.global_step * args.per_device_train_batch_size) - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise InputError("develop.non_finite", step=state.global_step)
        done = min(state.global_step * args.per_device_train_batch_size, self._bar.total)
        self._bar.set_postfix_str(say("develop.loss", loss=loss))
        self._bar.update(done - self._bar.n)

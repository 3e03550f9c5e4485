"""trl's DPO and KTO trainers on rows that are tokens already, a few rows at a time.

From trl come the losses and the collation. Its defaults are not ours: bf16, checkpointing of
activations, cutting at 1024 tokens, a copy of the adapter, telemetry, model cards, look-ups at
the hub. This module imports torch and trl at its top: it is itself imported only when training
starts.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch  # noqa: TID253
from datasets import Dataset  # noqa: TID253
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer  # noqa: TID253
from trl.trainer.dpo_trainer import DataCollatorForPreference  # noqa: TID253
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference  # noqa: TID253

from kamerton.develop.training import checks
from kamerton.develop.training.memory import run_with
from kamerton.develop.training.probe import undisturbed
from kamerton.develop.training.trainer import with_ids
from kamerton.develop.tune import trl_trainers
from kamerton.develop.tune.batches import Batches
from kamerton.develop.tune.preference.figures import LogProbs
from kamerton.develop.tune.preference.reference import Start, put_back
from kamerton.develop.tune.preference.rows import Judged, Scored
from kamerton.develop.tune.task import Task

Batch = dict[str, torch.Tensor]
_CHECKED_ROWS = 4


def build(model: Any, task: Task, scored: Scored, reference: LogProbs, start: Start) -> Any:
    """A trainer whose rows carry the log-probabilities under the reference.

    `start`: the model's trainable weights; it keeps them, their precision, and has no adapter but
    its own. The caller puts its head back (`scoring`) and adds callbacks.
    """
    settings, tokenizer = task.settings, task.tokenizer
    size = settings.batch_size
    make, configuration, collator, columns = _KINDS[settings.objective]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    trainer = make(
        model=model,
        args=configuration(
            **trl_trainers.arguments(task, len(scored.rows), model),
            **scored.weights,
            beta=settings.beta,
            precompute_ref_log_probs=True,
            per_device_train_batch_size=size,
            train_sampling_strategy="sequential",
        ),
        train_dataset=Dataset.from_dict(columns(scored, reference)),
        data_collator=with_ids(collator(pad_token_id=pad)),
        processing_class=tokenizer,
    )
    # Good and bad answers keep the order of their neighbours (`rows`).
    lengths = [max(map(len, row.answers)) for row in scored.rows]
    trainer.begin(Batches(lengths, size, size, task.seed) if settings.objective == "dpo" else None)
    trainer.micro_batch_size, trainer.most_rows = settings.micro_batch_size, size
    # trl adds a copy of the adapter as the reference, which is computed already; and rounds the
    # adapter of a quantised base to bf16, which a CPU is slow at.
    if "ref" in getattr(model, "peft_config", {}):
        model.delete_adapter("ref")
    put_back(model, start)
    return trainer


class _Tokens:
    """Mixed in before a trl trainer: rows are ready, a batch goes through in parts.

    Parts and not trl's accumulation of gradients: the mean over a step is then one over its rows,
    whatever the size of the parts, the last one's too.
    """

    args: Any
    accelerator: Any
    micro_batch_size: int | Literal["auto"]
    most_rows: int
    """Rows that memory has room for, as far as is known; `auto` lowers it."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> Any:
        """Forward and backward of one batch: gradients in place, its mean loss [] detached."""
        model.train()
        batch = self._prepare_inputs(inputs)  # type: ignore[attr-defined]

        def step(rows: int) -> Any:
            loss = self.step(model, batch, rows)
            self.most_rows = rows
            return loss

        automatic = self.micro_batch_size == "auto"
        most = self.most_rows if automatic else self.args.per_device_train_batch_size
        return run_with(self.micro_batch_size, most, step)

    def step(self, model: Any, batch: Batch, rows: int) -> Any:
        """One batch, `rows` of it at a time; begins anew where memory ran out before."""
        model.zero_grad()
        total = torch.zeros((), device=self.args.device)
        for part, share in parts(batch, rows):
            with self.compute_loss_context_manager():  # type: ignore[attr-defined]
                loss = self.compute_loss(model, part) * share  # type: ignore[attr-defined]
            self.accelerator.backward(loss)
            total += loss.detach()
        return total


class _Dpo(trl_trainers.Quiet, _Tokens, DPOTrainer):  # type: ignore[misc]
    """DPO (Rafailov et al. 2023, arXiv:2305.18290), loss `sigmoid`."""


class _Kto(trl_trainers.Quiet, _Tokens, KTOTrainer):  # type: ignore[misc]
    """KTO (Ethayarajh et al. 2024, arXiv:2402.01306), its reference point over whole batches."""

    def step(self, model: Any, batch: Batch, rows: int) -> Any:
        """As for all; how far the model has moved is estimated first, over all rows."""
        sizes = [part for part, _ in parts(batch, rows)]
        moved = torch.cat([super(_Kto, self)._compute_kl_logps(model, part) for part in sizes])
        self._moved = (moved - batch["ref_KL_logps"]).mean()
        at_zero = {"ref_KL_logps": torch.zeros_like(batch["ref_KL_logps"])}
        return super().step(model, batch | at_zero, rows)

    def _compute_kl_logps(self, model: Any, batch: Batch) -> Any:
        return self._moved.expand(len(batch["label"]))


def parts(batch: Batch, rows: int) -> Iterator[tuple[Batch, float]]:
    """A batch in parts of up to `rows` rows, and the share of its rows that each part has.

    A pair counts as one row, though its answers are two rows of the tensors, the better ones of
    all pairs first. What is padding in all rows of a part is cut off.
    """
    total = len(batch["label"] if "label" in batch else batch["ref_chosen_logps"])
    for start in range(0, total, rows):
        places = torch.arange(start, min(start + rows, total))
        part = {
            name: tensor[torch.cat([places + half for half in range(0, len(tensor), total)])]
            for name, tensor in batch.items()
        }
        yield _trimmed(part), len(places) / total


def _trimmed(batch: Batch) -> Batch:
    trimmed = dict(batch)
    for kind in ("", "KL_"):
        mask = batch.get(f"{kind}attention_mask")
        if mask is not None:
            longest = int(mask.sum(1).max())
            names = (f"{kind}{name}" for name in ("input_ids", "attention_mask", "completion_mask"))
            trimmed |= {name: batch[name][:, :longest] for name in names}
    return trimmed


def check_parts(model: Any, trainer: Any) -> checks.Accumulation:
    """A step of a few rows gives the same loss and gradient whole as one row at a time."""
    rows = min(_CHECKED_ROWS, len(trainer.train_dataset))
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(rows)])
    device = next(model.parameters()).device
    tensors = {name: value.to(device) for name, value in batch.items() if name != "id"}

    def step(size: int) -> tuple[float, list[Any]]:
        loss = float(trainer.step(model, tensors, size))
        trained = [p for p in model.parameters() if p.requires_grad and p.grad is not None]
        gradients = [p.grad for p in trained]
        model.zero_grad()
        return loss, gradients

    with undisturbed(model):
        model.eval()
        whole = run_with("auto", rows, step)  # as many at once as there is room for
        return checks.same_step(rows, whole, step(1), checks.BOUND)


def _pair_columns(scored: Scored, reference: LogProbs) -> dict[str, list[Any]]:
    return {
        "id": [row.id for row in scored.rows],
        "prompt_ids": [list(better.prompt) for better in scored.first],
        "chosen_ids": [list(better.answer) for better in scored.first],
        "rejected_ids": [list(worse.answer) for worse in scored.second],
        "ref_chosen_logps": [reference[better] for better in scored.first],
        "ref_rejected_logps": [reference[worse] for worse in scored.second],
    }


def _judged_columns(scored: Scored, reference: LogProbs) -> dict[str, list[Any]]:
    return {
        "id": [row.id for row in scored.rows],
        "prompt_ids": [list(given.prompt) for given in scored.first],
        "completion_ids": [list(given.answer) for given in scored.first],
        "KL_completion_ids": [list(moved.answer) for moved in scored.second],
        "label": [row.good for row in scored.rows if isinstance(row, Judged)],
        "ref_logps": [reference[given] for given in scored.first],
        "ref_KL_logps": [reference[moved] for moved in scored.second],
    }


_KINDS: Mapping[str, tuple[Any, Any, Any, Callable[[Scored, LogProbs], dict[str, list[Any]]]]] = {
    "dpo": (_Dpo, DPOConfig, DataCollatorForPreference, _pair_columns),
    "kto": (_Kto, KTOConfig, DataCollatorForUnpairedPreference, _judged_columns),
}
"""Trainer, configuration and collator of trl, and the columns that these read."""

"""trl's SFTTrainer with our loss, our batches and none of its defaults.

What trl would do by itself costs time or tells others: bf16 and checkpointing of activations (slow
on a CPU), rows cut at 1024 tokens without a word, a score of every position with its entropy,
adapters of a quantised base rounded to bf16, model cards, telemetry. This module imports torch and
trl at its top: it is itself imported only when training starts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets import Dataset  # noqa: TID253
from torch.utils.data import DataLoader  # noqa: TID253
from transformers import PrinterCallback  # noqa: TID253
from transformers.utils import logging  # noqa: TID253
from trl import SFTConfig, SFTTrainer  # noqa: TID253

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.arguments import common
from kamerton.develop.training.callbacks import Watch, Watched, with_ids
from kamerton.develop.tune import estimate
from kamerton.develop.tune.batches import Batches, columns, targets
from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.loss import supervised_loss

Collate = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]


def build(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Encoded],
    collate: Collate,
    arguments: SFTConfig,
    batches: Batches,
) -> "Supervised":
    """A trainer of `model` on encoded rows, its weights and its forward pass left as they are."""
    # Such as that a file system's times may not be reliable: nothing for a user to act on.
    logging.set_verbosity_error()
    named = [{"id": row.id, **column} for row, column in zip(rows, columns(rows), strict=True)]
    with _kept(model):
        trainer = Supervised(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_list(named),
            data_collator=with_ids(collate),
            processing_class=tokenizer,
        )
    trainer.watch, trainer.batches = Watch(), batches
    # With it the Trainer would change the model's special tokens and save it at every checkpoint.
    trainer.processing_class = None
    trainer.remove_callback(PrinterCallback)
    return trainer


@contextmanager
def _kept(model: Any) -> Iterator[None]:
    """Undoes what trl does to a model: adapters of quantised bases rounded, a head in `forward`."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    forward = whole.__dict__.get("forward")
    weights = {p: p.data for p in model.parameters() if p.requires_grad}
    yield
    for parameter, data in weights.items():
        parameter.data = data
    whole.__dict__.pop("forward", None)
    if forward is not None:
        whole.forward = forward


def arguments(
    settings: TuneSettings, batches: Batches, rows: int, folder: Path, seed: int, cache: bool
) -> SFTConfig:
    """On a CPU: float32 and no checkpointing of activations (measured, see docs/decisions).

    `cache`: whether the model's configuration keeps a cache in generation; it is saved with it.
    """
    return SFTConfig(
        **common(settings, folder, estimate.steps(rows, settings), seed),
        max_length=None,  # cut, and counted, before
        dataset_kwargs={"skip_prepare_dataset": True},
        bf16=False,
        activation_checkpointing=False,
        use_cache=cache,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=batches.batch_size,
        gradient_accumulation_steps=batches.parts,
        neftune_noise_alpha=settings.neftune_alpha or None,
    )


class Supervised(Watched, SFTTrainer):  # type: ignore[misc]
    """The loss over the supervised tokens of a whole optimiser step, in batches of like length."""

    loss_is_scaled_for_ga = True
    """`supervised_loss` divides by the tokens of all parts of a step."""
    batches: Batches
    learnt = 0
    """Supervised tokens that this process has trained on."""

    def get_train_dataloader(self) -> Any:
        """Rows in the order of `batches`."""
        loader = DataLoader(
            self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator
        )
        return self.accelerator.prepare(loader)

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

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """A checkpoint's weights; peft would ask a hub about the base each time."""
        whole = not hasattr(self.model, "peft_config")
        self.model.save_pretrained(
            output_dir, **({} if whole else {"save_embedding_layers": False})
        )

    def _send_telemetry(self) -> None:
        """Nothing is sent anywhere."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None with a checkpoint: it looks for accounts of other services; the run has its own."""

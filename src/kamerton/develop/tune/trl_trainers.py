"""What trl's trainers have in common: arguments, and none of what they do beside training.

This module imports torch at its top: it is itself imported only when training starts.
"""

from typing import Any

from torch.utils.data import DataLoader  # noqa: TID253
from transformers import PrinterCallback  # noqa: TID253

from kamerton.develop.training import trainer
from kamerton.develop.tune import estimate
from kamerton.develop.tune.batches import Batches
from kamerton.develop.tune.task import Task


def arguments(task: Task, rows: int, model: Any) -> dict[str, Any]:
    """On a CPU: float32 and no checkpointing of activations (measured, see docs/decisions)."""
    settings, steps = task.settings, estimate.steps(rows, task.settings)
    return {
        **trainer.arguments(settings, task.checkpoints, steps, task.seed),
        "max_length": None,  # cut, and counted, before
        "bf16": False,
        "activation_checkpointing": False,
        "use_cache": model.config.use_cache,  # in generation; it is saved with the model
        "num_train_epochs": settings.epochs,
    }


class Quiet(trainer.Watched):
    """Mixed in before a trl trainer: batches are ours, only weights are saved, nothing is sent."""

    model: Any
    args: Any
    accelerator: Any
    train_dataset: Any
    data_collator: Any
    batches: Batches | None = None
    """Rows in this order; None: in their own."""

    def begin(self, batches: Batches | None) -> None:
        """Call it once the trainer is made."""
        self.watch, self.batches = trainer.Watch(), batches
        # With it the Trainer would change the model's special tokens and save it every time.
        self.processing_class = None
        self.remove_callback(PrinterCallback)  # type: ignore[attr-defined]

    def get_train_dataloader(self) -> Any:
        """Rows of like length together, in an order that a resumed run finds again."""
        if self.batches is None:
            return super().get_train_dataloader()  # type: ignore[misc]
        loader = DataLoader(
            self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator
        )
        return self.accelerator.prepare(loader)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """A checkpoint's weights; peft would ask a hub about the base each time."""
        more = {"save_embedding_layers": False} if hasattr(self.model, "peft_config") else {}
        self.model.save_pretrained(output_dir or self.args.output_dir, **more)

    def _send_telemetry(self) -> None:
        """Nothing is sent anywhere."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None with a checkpoint: it looks for accounts of other services; the run has its own."""

"""A small real training on the tiny model, with planted accidents; also started as a process.

`python training_runs.py MODEL OUT [seconds to spend in each step]` trains until it is stopped.
"""

import sys
import time
from pathlib import Path
from typing import Any

from kamerton.develop.training.threads import repeatable


def rows(count: int = 16) -> list[dict[str, Any]]:
    """Rows of uneven lengths; the second half of each is learnt."""
    lengths = [6 + (7 * number) % 11 for number in range(count)]
    return [
        {
            "id": f"row-{number}",
            "input_ids": [3 + (number * 13 + place * 7) % 590 for place in range(length)],
            "supervised": [place >= length // 2 for place in range(length)],
        }
        for number, length in enumerate(lengths)
    ]


def trainer(model: Any, data: list[Any], out: Path, callbacks: list[Any], **changes: Any) -> Any:
    """A Trainer over `data` that tells a `Watch` its rows; the first callback holds the watch."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    from kamerton.develop.training.attention import flatten
    from kamerton.develop.training.trainer import Watched, with_ids

    class Small(Watched, Trainer):  # type: ignore[misc]
        loss_is_scaled_for_ga = True

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return loss(model, inputs, kwargs.get("num_items_in_batch"))

        def _get_num_items_in_batch(self, batches: list[Any], device: Any) -> Any:
            return items(batches)

    arguments: dict[str, Any] = {
        "output_dir": str(out),
        "max_steps": 8,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1e-3,
        "remove_unused_columns": False,
        "save_strategy": "steps",
        "save_steps": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": True,
    }
    made = Small(
        model=model,
        args=TrainingArguments(**(arguments | changes)),
        train_dataset=data,
        data_collator=with_ids(flatten),
        callbacks=callbacks,
    )
    made.remove_callback(PrinterCallback)
    return made


def loss(model: Any, batch: Any, items: Any) -> Any:
    """Sum of the supervised tokens' losses over `items`."""
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits
    learnt = batch["supervised"][:, 1:]
    labels = batch["input_ids"][:, 1:][learnt]
    return cross_entropy(logits[:, :-1][learnt], labels, reduction="sum") / items


def items(batches: list[Any]) -> Any:
    """Supervised tokens of one optimiser step."""
    return sum(batch["supervised"][:, 1:].sum() for batch in batches)


def load(folder: Path) -> Any:
    """The tiny model with attention for each document apart."""
    from kamerton.develop import hub
    from kamerton.develop.training.attention import use

    model = hub.load_model(str(folder))
    use(model, longest=32)
    return model


def adapted(model: Any, dropout: float) -> Any:
    """The model with a LoRA adapter; its dropout draws random numbers."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=4, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def main(folder: Path, out: Path, slow: float) -> None:
    """Train without end, and say each step on stdout."""
    repeatable(0, 1)
    from transformers import TrainerCallback

    from kamerton.develop.training.trainer import Watch, watching
    from kamerton.formats.progress import progress

    class Tell(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            print("step", state.global_step, flush=True)
            time.sleep(slow)

    watch, data = Watch(), rows()
    with progress("t", 4 * 100_000) as bar, watching(watch, bar, len(data), out) as callbacks:
        made = trainer(load(folder), data, out, [*callbacks, Tell()], max_steps=100_000)
        made.watch = watch
        made.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))

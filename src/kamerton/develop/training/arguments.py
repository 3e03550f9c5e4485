"""What every Trainer is told, whatever it trains."""

from pathlib import Path
from typing import Any

from kamerton.develop.settings import TrainingSettings


def common(settings: TrainingSettings, folder: Path, steps: int, seed: int) -> dict[str, Any]:
    """Arguments of transformers' TrainingArguments, for `steps` optimiser steps into `folder`.

    A warm-up, then down to zero along a cosine; the last two checkpoints; every step in the
    Trainer's own records, a loss that is no number too; nothing sent or shown to anybody.
    """
    return {
        "output_dir": str(folder),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(settings.warmup * steps),
        "weight_decay": settings.weight_decay,
        "remove_unused_columns": False,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
        "data_seed": seed,
        "dataloader_pin_memory": False,
    }

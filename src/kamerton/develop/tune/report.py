"""training.json: what a training was, and what it took."""

import json
from collections.abc import Sequence
from pathlib import Path

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.probe import peak_gib
from kamerton.develop.tune import estimate
from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.load import TRAINING
from kamerton.formats.jsonl import write_text


def of_rows(rows: Sequence[Encoded], overlong: int, settings: TuneSettings) -> dict[str, object]:
    """Counts of the training rows, of one epoch."""
    return {
        "rows": len(rows),
        "overlong_rows": overlong,
        "tokens": sum(len(row.ids) for row in rows),
        "supervised_tokens": sum(sum(row.supervised) for row in rows),
        "steps": estimate.steps(len(rows), settings),
    }


def of_training(
    history: Sequence[dict[str, float]], learnt: int, seconds: float
) -> dict[str, object]:
    """The loss by step; `learnt` supervised tokens took `seconds` in the last attempt."""
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return {
        "seconds": round(seconds, 1),
        "supervised_tokens_per_second": round(learnt / max(seconds, 1e-9), 1),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "loss": [round(loss, 4) for loss in losses],
    }


def write(out: Path, settings: TuneSettings, figures: dict[str, object]) -> None:
    """Write training.json."""
    what = {"method": settings.method, "objective": settings.objective}
    memory = {"peak_memory_mib": round(peak_gib() * 1024)}
    write_text(out / TRAINING, json.dumps(what | figures | memory, indent=2) + "\n")

"""The tune stage: a resumable, repeatable training run on transformers' Trainer."""

import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune import estimate
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.encode import Encoded, encode_all, show
from kamerton.formats.chat import ChatRow
from kamerton.formats.jsonl import read_rows, write_text
from kamerton.formats.language import say
from kamerton.terminal import note, progress

if TYPE_CHECKING:
    from transformers import TrainingArguments

ADAPTER, TRAINING, CHECKPOINTS = "adapter", "training.json", "checkpoints"


def tune(settings: TuneSettings, base: str, data: Path, out: Path, seed: int, threads: int) -> None:
    """Train an adapter on `data`/train.jsonl; write adapter/ and training.json into `out`.

    Goes on from the newest whole checkpoint in `out`. Same seed and threads, same bytes.
    """
    # Threads that spin while they wait stop each other when another program needs a core: ten
    # times slower there, measured (docs/decisions/0001). Read when torch loads its OpenMP.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    tokenizer = hub.load_tokenizer(base)
    rows = read_rows(data / "train.jsonl", ChatRow)
    encoded, overlong = encode_all(rows, tokenizer, settings)
    show(encoded, tokenizer)
    _repeatable(seed, threads)
    model = attach(hub.load_model(base), settings)
    started = time.monotonic()
    history = _train(model, encoded, settings, out, seed)
    _save(model, out / ADAPTER, base)
    _report(encoded, overlong, settings, history, out, time.monotonic() - started)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def _repeatable(seed: int, threads: int) -> None:
    import torch
    from transformers import set_seed

    torch.set_num_threads(threads or os.cpu_count() or 1)
    set_seed(seed)
    torch.use_deterministic_algorithms(True)


def _train(
    model: Any, rows: list[Encoded], settings: TuneSettings, out: Path, seed: int
) -> list[dict[str, float]]:
    from kamerton.develop.tune.trainer import build

    checkpoint = newest_checkpoint(out / CHECKPOINTS)
    total = estimate.steps(len(rows), settings)
    with progress(say("develop.training"), math.ceil(len(rows) * settings.epochs)) as bar:
        bar.unit = say("develop.rows")
        arguments = _arguments(settings, out / CHECKPOINTS, seed, total)
        trainer = build(model, rows, arguments, bar)
        if checkpoint:
            note(say("develop.resumed", step=checkpoint.name.rsplit("-", 1)[-1]))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def _arguments(settings: TuneSettings, folder: Path, seed: int, total: int) -> "TrainingArguments":
    """On a CPU: float32 and no checkpointing of activations (measured, see docs/decisions)."""
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(settings.warmup * total),
        weight_decay=settings.weight_decay,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=False,
    )


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole; one cut off by a kill is passed over.

    The Trainer writes `trainer_state.json` last but for the random states.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-", 1)[-1]))
    needed = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")
    whole = [p for p in found if all((p / name).is_file() for name in needed)]
    return whole[-1] if whole else None


def _save(model: Any, folder: Path, base: str) -> None:
    """A PEFT folder; the base is named as the recipe names it, not by a path of this machine."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh, save_embedding_layers=False)  # no look-up at any hub
    (fresh / "README.md").unlink(missing_ok=True)  # the run writes its own card
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _report(
    rows: Sequence[Encoded],
    overlong: int,
    settings: TuneSettings,
    history: list[dict[str, float]],
    out: Path,
    seconds: float,
) -> None:
    tokens = sum(len(row.ids) for row in rows)
    figures = {
        "rows": len(rows),
        "overlong_rows": overlong,
        "tokens": tokens,
        "supervised_tokens": sum(sum(row.supervised) for row in rows),
        "steps": estimate.steps(len(rows), settings),
        "seconds": round(seconds, 1),
        "first_loss": history[0]["loss"],
        "last_loss": history[-1]["loss"],
        "loss": [round(entry["loss"], 4) for entry in history],
    }
    write_text(out / TRAINING, json.dumps(figures, indent=2) + "\n")

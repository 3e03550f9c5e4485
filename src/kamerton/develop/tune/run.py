"""The tune stage: a base adapted to training rows by any method; checked, resumable, repeatable."""

import json
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import Masks, masks
from kamerton.develop.training.memory import run_with
from kamerton.develop.training.probe import peak_gib
from kamerton.develop.training.threads import repeatable
from kamerton.develop.tune import adapter, loss, start
from kamerton.develop.tune.encode import show
from kamerton.develop.tune.preference.rows import Preferences, prepare_preferences
from kamerton.develop.tune.task import Rows, Task, encode_rows, hold_to_start, prepare
from kamerton.formats.jsonl import write_text


def tune(settings: TuneSettings, base: str, data: Path, out: Path, seed: int, threads: int) -> None:
    """Train on `data`/train.jsonl; write adapter/ or model/ and training.json into `out`.

    With `data`/held_out.jsonl (sft) losses.jsonl too; checks.json holds the self-tests' results.
    A killed run goes on from its newest whole checkpoint. Same seed and threads, same bytes.
    """
    repeatable(seed, threads)
    task = prepare(settings, base, data, out, seed, threads)
    preferences = None
    if settings.objective != "sft":
        preferences = prepare_preferences(settings, task.tokenizer, data)
    hold_to_start(task)
    figures = _preferences(task, preferences) if preferences else _sft(task)
    training = {"method": settings.method, "objective": settings.objective, **figures}
    training["peak_memory_mib"] = round(peak_gib() * 1024)
    write_text(task.out / adapter.TRAINING, json.dumps(training, indent=2) + "\n")
    shutil.rmtree(task.checkpoints, ignore_errors=True)


def _sft(task: Task) -> dict[str, object]:
    rows, settings = encode_rows(task), task.settings
    checked = masks(rows.train, task.tokenizer)
    show(checked)
    attempt = partial(_attempt, task, rows, checked)
    return run_with(settings.micro_batch_size, settings.batch_size, attempt)


def _attempt(task: Task, rows: Rows, checked: Masks, micro_batch_size: int) -> dict[str, object]:
    """The whole of it with so many rows in memory; from the base on, for a second attempt too."""
    from kamerton.develop.training import speed
    from kamerton.develop.tune.supervised import train

    base = _load_base(task)
    with speed.faster(base):
        before = loss.measure(base, rows.held_out) if rows.held_out else []
        model = _adapted(task, base)
        trained = train(model, task, rows.train, checked, micro_batch_size)
        after = loss.measure(model, rows.held_out) if rows.held_out else []
    figures: dict[str, object] = {
        "rows": len(rows.train),
        "overlong_rows": rows.overlong,
        "tokens": sum(len(row.ids) for row in rows.train),
        "supervised_tokens": sum(sum(row.supervised) for row in rows.train),
        **trained,
    }
    if rows.held_out:
        figures["held_out"] = loss.write(rows.held_out, before, after, task.out)
    return figures | _save(task, model)


def _preferences(task: Task, preferences: Preferences) -> dict[str, object]:
    from kamerton.develop.training import speed
    from kamerton.develop.tune.preference.train import train_preferences

    model = _adapted(task, _load_base(task))
    started = time.monotonic()
    with speed.faster(model):
        figures = train_preferences(task, preferences, model)
    return {"seconds": round(time.monotonic() - started, 1), **figures, **_save(task, model)}


def _load_base(task: Task) -> Any:
    if task.settings.method == "qlora":
        return hub.load_quantised(task.base, task.settings.bits)
    return hub.load_model(task.base)


def _adapted(task: Task, base: Any) -> Any:
    """The base with what is trained on it; drawn from the seed, whatever was measured before."""
    repeatable(task.seed, task.threads)
    plain = {"add_special_tokens": False, "split_special_tokens": True}
    ids: Sequence[int] = task.tokenizer.encode(task.first_text, **plain)
    model = adapter.attach(base, task.settings, ids or [0])
    if task.adapter:
        start.take_over(model, task.adapter)
    return model


def _save(task: Task, model: Any) -> dict[str, object]:
    """Write the weights; what training.json says of the method."""
    adapter.save(model, task.tokenizer, task.base, task.out)
    settings = adapter.used(task.settings)
    if task.settings.method == "prompt":
        settings["first_text"] = task.first_text
    return {
        "method_settings": settings,
        "start_from": task.settings.start_from,
        "trainable_parameters": adapter.trainable(model),
    }

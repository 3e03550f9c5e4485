"""The tune stage: a base adapted to training rows by any method; checked, resumable, repeatable."""

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
from kamerton.develop.training.repeat import repeatable
from kamerton.develop.training.resume import (
    STARTED,
    facts,
    hold_to,
    newest_checkpoint,
    weights,
)
from kamerton.develop.tune import held_out, quantised, report, start
from kamerton.develop.tune.adapter import attach, save, trainable, used
from kamerton.develop.tune.encode import Encoded, encode_all, show
from kamerton.develop.tune.preference.rows import prepare_preferences
from kamerton.develop.tune.task import Rows, Task
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, insist_unique, read_objects, read_rows, read_text

TRAIN = "train.jsonl"


def tune(settings: TuneSettings, base: str, data: Path, out: Path, seed: int, threads: int) -> None:
    """Train on `data`/train.jsonl; write adapter/ or model/ and training.json into `out`.

    With `data`/held_out.jsonl (sft) losses.jsonl too; checks.json says what the self-tests found.
    A killed run goes on from its newest whole checkpoint. Same seed and threads, same bytes.
    """
    repeatable(seed, threads)
    task = _task(settings, base, data, out, seed, threads)
    _same_as_before(task)
    figures = _sft(task) if settings.objective == "sft" else _preferences(task)
    report.write(task.out, settings, figures)
    shutil.rmtree(task.checkpoints, ignore_errors=True)


def _task(
    settings: TuneSettings, base: str, data: Path, out: Path, seed: int, threads: int
) -> Task:
    """Everything that can be wrong without weights is found here."""
    if settings.objective != "sft" and settings.method == "prompt":
        raise InputError(
            "develop.tune_prompt_sft", where="tune.method", objective=settings.objective
        )
    if settings.method == "qlora":
        quantised.demand()
    adapter = start.folder(settings)
    if adapter:
        start.check(settings, base, adapter)
    tokenizer = hub.load_tokenizer(base)
    if settings.objective == "sft":
        read_text(data / TRAIN)
    else:
        prepare_preferences(settings, tokenizer, data)
    text = _first_text(data) if settings.method == "prompt" else ""
    return Task(settings, base, tokenizer, data, out, seed, threads, text, adapter)


def _first_text(data: Path) -> str:
    """The first row's system prompt, else its first turn: words near those that follow."""
    for number, found in read_objects(data / TRAIN):
        row = check_row(found, ChatRow, f"{data / TRAIN}:{number}")
        return row.messages[0].content
    return ""


def _same_as_before(task: Task) -> None:
    """A checkpoint is gone on from only by the training that left it."""
    files, known = {TRAIN: task.data / TRAIN}, _base_facts(task.base)
    if Path(hub.folder(task.base)).is_dir():
        files |= weights(hub.folder(task.base))
    if task.adapter:
        files |= {f"start_from.{p.name}": p for p in sorted(task.adapter.glob("*.safetensors"))}
    found = facts(task.settings, task.seed, task.threads, files)
    known |= {name.replace("settings.", "tune.", 1): value for name, value in found.items()}
    if newest_checkpoint(task.checkpoints) is None:
        (task.checkpoints / STARTED).unlink(missing_ok=True)  # nothing was trained yet
    hold_to(task.checkpoints, known)


def _base_facts(base: str) -> dict[str, object]:
    """The base's name; of one on a hub, whose weights may not be here yet, its revision."""
    if Path(hub.folder(base)).is_dir():
        return {"base": base}
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base)
    return {"base": base, "base.revision": getattr(config, "_commit_hash", None)}


def _sft(task: Task) -> dict[str, object]:
    rows, settings = _rows(task), task.settings
    right = masks([row.example for row in rows.train], task.tokenizer)
    show(right)
    attempt = partial(_attempt, task, rows, right)
    return run_with(settings.rows_at_once, settings.batch_size, attempt)


def _rows(task: Task) -> Rows:
    train = read_rows(task.data / TRAIN, ChatRow)
    insist_unique((row.id for row in train), str(task.data / TRAIN))
    encoded, overlong = encode_all(train, task.tokenizer, task.settings)
    measured = task.data / held_out.FILE
    kept: list[Encoded] = []
    if measured.is_file():
        kept, _ = encode_all(read_rows(measured, ChatRow), task.tokenizer, task.settings)
    _fit(task, [*encoded, *kept])
    return Rows(encoded, kept, overlong)


def _fit(task: Task, rows: Sequence[Encoded]) -> None:
    """InputError where rows, with virtual tokens before them, are longer than the base knows."""
    from transformers import AutoConfig

    text = AutoConfig.from_pretrained(hub.folder(task.base)).get_text_config()
    most = getattr(text, "max_position_embeddings", None)
    front = task.settings.virtual_tokens if task.settings.method == "prompt" else 0
    longest = max(len(row.ids) for row in rows) + front
    if most is not None and longest > most:
        raise InputError(
            "develop.tune_context", where="tune.max_length", longest=longest, most=most
        )


def _attempt(task: Task, rows: Rows, right: Masks, rows_at_once: int) -> dict[str, object]:
    """The whole of it with so many rows in memory; from the base on, for a second attempt too."""
    from kamerton.develop.training import speed
    from kamerton.develop.tune.supervised import train

    base = _base(task)
    with speed.faster(base):
        before = held_out.measure(base, rows.held_out) if rows.held_out else []
        model = _adapted(task, base)
        trained = train(model, task, rows.train, right, rows_at_once)
        after = held_out.measure(model, rows.held_out) if rows.held_out else []
    figures = report.of_rows(rows.train, rows.overlong, task.settings) | trained
    if rows.held_out:
        figures["held_out"] = held_out.write(rows.held_out, before, after, task.out)
    return _finished(task, model, figures)


def _preferences(task: Task) -> dict[str, object]:
    """Learning from preferences; rows, reference and parts of a batch are that module's own."""
    from kamerton.develop.training import speed
    from kamerton.develop.tune.preference.train import train_preferences

    model = _adapted(task, _base(task))
    started = time.monotonic()
    with speed.faster(model):
        figures = train_preferences(
            task.settings, model, task.tokenizer, task.data, task.out, task.seed
        )
    return _finished(task, model, {"seconds": round(time.monotonic() - started, 1)} | figures)


def _base(task: Task) -> Any:
    if task.settings.method == "qlora":
        return quantised.load(task.base, task.settings.bits)
    return hub.load_model(task.base)


def _adapted(task: Task, base: Any) -> Any:
    """The base with what is trained on it; drawn from the seed, whatever was measured before."""
    repeatable(task.seed, task.threads)
    model = attach(base, task.settings, _ids(task))
    if task.adapter:
        start.take_over(model, task.adapter)
    return model


def _ids(task: Task) -> Sequence[int]:
    return task.tokenizer(task.first_text, add_special_tokens=False)["input_ids"] or [0]


def _finished(task: Task, model: Any, figures: dict[str, object]) -> dict[str, object]:
    """Saved, and what is to be said of the method."""
    save(model, task.tokenizer, task.base, task.out)
    settings = used(task.settings)
    if task.settings.method == "prompt":
        settings["first_text"] = task.first_text
    return figures | {
        "method_settings": settings,
        "start_from": task.settings.start_from,
        "trainable_parameters": trainable(model),
    }

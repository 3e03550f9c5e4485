"""One tuning as data: what is known of it, and whatever can be wrong, before any weights load."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import Encoded
from kamerton.develop.training.resume import STARTED, facts, hold_to, newest_checkpoint, weights
from kamerton.develop.tune import start
from kamerton.develop.tune.encode import HELD_OUT, TRAIN, encode_all
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, insist_unique, read_objects, read_rows, read_text


@dataclass(frozen=True)
class Rows:
    """What is learnt from, and what is only measured on."""

    train: list[Encoded]
    held_out: list[Encoded]
    overlong: int
    """Training rows that were cut or dropped."""


@dataclass(frozen=True)
class Task:
    """One tuning: its settings, its base, its data, and where it writes."""

    settings: TuneSettings
    base: str
    tokenizer: Any
    data: Path
    out: Path
    seed: int
    threads: int
    first_text: str = ""
    """The text whose embeddings a soft prompt is initialised with."""
    adapter: Path | None = None
    """The adapter to continue from."""

    @property
    def checkpoints(self) -> Path:
        """The Trainer's folder, from which a killed run goes on."""
        return self.out / "checkpoints"


def prepare(
    settings: TuneSettings, base: str, data: Path, out: Path, seed: int, threads: int
) -> Task:
    """Check settings, base, data and adapter against each other; InputError where any is wrong."""
    if settings.objective != "sft" and settings.method == "prompt":
        objective = settings.objective
        raise InputError("develop.tune_prompt_sft", where="tune.method", objective=objective)
    if settings.method == "qlora":
        hub.require_bitsandbytes()
    start_from = start.folder(settings)
    if start_from:
        start.check(settings, base, start_from)
    tokenizer = hub.load_tokenizer(base)
    read_text(data / TRAIN)
    text = ""
    if settings.method == "prompt":
        # The first row's system prompt, else its first turn: words near those that follow.
        for number, fields in itertools.islice(read_objects(data / TRAIN), 1):
            text = check_row(fields, ChatRow, f"{data / TRAIN}:{number}").messages[0].content
    return Task(settings, base, tokenizer, data, out, seed, threads, text, start_from)


def hold_to_start(task: Task) -> None:
    """InputError where a checkpoint was left by another training than this one."""
    files = {TRAIN: task.data / TRAIN}
    shape: dict[str, object] = {"base": task.base}
    if Path(hub.folder(task.base)).is_dir():
        files |= weights(hub.folder(task.base))
    else:  # on a hub: its weights may not be here yet
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(task.base)
        shape["base.revision"] = getattr(config, "_commit_hash", None)
    if task.adapter:
        files |= {f"start_from.{p.name}": p for p in sorted(task.adapter.glob("*.safetensors"))}
    flat = facts(task.settings, task.seed, task.threads, files)
    shape |= {name.replace("settings.", "tune.", 1): value for name, value in flat.items()}
    if newest_checkpoint(task.checkpoints) is None:
        (task.checkpoints / STARTED).unlink(missing_ok=True)  # nothing was trained yet
    hold_to(task.checkpoints, shape)


def encode_rows(task: Task) -> Rows:
    """The rows of an sft task as tokens; InputError where one is longer than the base allows."""
    train = read_rows(task.data / TRAIN, ChatRow)
    insist_unique((row.id for row in train), str(task.data / TRAIN))
    encoded, overlong = encode_all(train, task.tokenizer, task.settings)
    held_out: list[Encoded] = []
    if (path := task.data / HELD_OUT).is_file():
        held_out, _ = encode_all(read_rows(path, ChatRow), task.tokenizer, task.settings)
    _fit(task, [*encoded, *held_out])
    return Rows(encoded, held_out, overlong)


def _fit(task: Task, rows: Sequence[Encoded]) -> None:
    """InputError where rows, with virtual tokens before them, exceed the base's positions."""
    most = getattr(hub.load_config(task.base), "max_position_embeddings", None)
    front = task.settings.virtual_tokens if task.settings.method == "prompt" else 0
    longest = max(len(row.ids) for row in rows) + front
    if most is not None and longest > most:
        raise InputError(
            "develop.tune_context", where="tune.max_length", longest=longest, most=most
        )

"""What is to be exported, checked before any weights load; and the chats that prove it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import architectures, gguf, vocabulary
from kamerton.develop.settings import ExportSettings
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, read_objects, read_rows, read_text
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.questions import Question
from kamerton.formats.serving import Kind

METHODS: dict[str, Kind] = {
    "lora": "lora",
    "qlora": "lora",
    "dora": "merged",
    "full": "merged",
    "prompt": "prompt",
}
"""How what a method trains is served. DoRA is no sum with the base: the engine has no DoRA."""
_PEFT = {"lora": "LORA", "qlora": "LORA", "dora": "LORA", "prompt": "PROMPT_TUNING"}
_RESERVED = ("base", "merged", "index", "weights")
_NAME = re.compile(r"[^\\/.+\s][^\\/+\s]*")

COUNT = 6
"""Held-out prompts, of all datasets together, but two of each at least."""


@dataclass(frozen=True)
class Trained:
    """One adaptation: the name that clients will ask for, and its tune stage's output folder."""

    name: str
    tune: Path
    system: str | None = None
    """Its own system prompt, where it was trained with another than the export's."""


@dataclass(frozen=True)
class Planned:
    """One adaptation, and how it will be served."""

    name: str
    method: str
    kind: Kind
    folder: Path
    """The PEFT folder, or the whole model's."""
    training: dict[str, Any]
    """The figures of training.json."""


def plan(settings: ExportSettings, base: str, tuned: Sequence[Trained]) -> list[Planned]:
    """What each adaptation becomes; InputError for what cannot be exported, and why."""
    gguf.check_quantisation(settings.quantisation)
    names = [one.name for one in tuned]
    for name in names:
        if name in _RESERVED or not _NAME.fullmatch(name) or names.count(name) > 1:
            raise InputError("develop.export_name", where=name, reserved=", ".join(_RESERVED))
    planned = [_planned(one) for one in tuned]
    _readable(base, settings)
    for one in planned:
        if one.method == "full":
            _readable(str(one.folder), settings)
        else:
            _adapter(one, base)
        if settings.merge and one.kind == "prompt":
            raise InputError("develop.export_no_merge", where="export.merge", name=one.name)
    return planned


def _planned(one: Trained) -> Planned:
    where = one.tune / "training.json"
    training = json.loads(read_text(where))
    method = str(training.get("method"))
    if method not in METHODS:
        values = {"method": method, "known": ", ".join(METHODS)}
        raise InputError("develop.export_method", where=str(where), **values)
    folder = one.tune / ("model" if method == "full" else "adapter")
    needed = folder / ("config.json" if method == "full" else "adapter_config.json")
    if not needed.is_file():
        raise InputError("formats.file_missing", where=str(needed))
    return Planned(one.name, method, METHODS[method], folder, training)


def _adapter(one: Planned, base: str) -> None:
    """The adapter is of the kind that its method makes, and was trained on this base."""
    where = one.folder / "adapter_config.json"
    settings = json.loads(read_text(where))
    dora = bool(settings.get("use_dora"))
    if settings["peft_type"] != _PEFT[one.method] or dora != (one.method == "dora"):
        kind = "DORA" if dora else settings["peft_type"]
        raise InputError("develop.export_mixed", where=str(where), found=kind, method=one.method)
    recorded = str(settings.get("base_model_name_or_path") or "")
    if recorded and _other(recorded, base):
        raise InputError("develop.export_other_base", where=str(where), trained=recorded, base=base)


def _other(recorded: str, base: str) -> bool:
    """Whether two names are surely of two models; a hub id and a folder may be of one."""
    if not Path(base).is_dir():
        return not Path(recorded).is_dir() and recorded != base
    if "/" not in recorded and recorded != hub.EMBEDDED:
        return recorded != hub.known_as(base)
    return Path(recorded).is_dir() and Path(recorded).resolve() != Path(base).resolve()


def _readable(model: str, settings: ExportSettings) -> None:
    """The engine knows the model's architecture and tokenizer; no weights are read."""
    tokenizer, config = hub.load_tokenizer(model), hub.load_config(model)
    architectures.check(config, settings.context)
    kinds = architectures.of(config).vocabularies
    vocabulary.check(tokenizer, config.vocab_size, kinds)


def probes(datasets: Mapping[Path, str]) -> list[list[Message]]:
    """A few chats for the proof: held-out prompts, several turns, digits, Cyrillic, no system.

    `datasets`: folders of guides (known.jsonl) or of rows (held_out.jsonl, and where nothing is
    held out train.jsonl), each with its system prompt.
    """
    each = max(2, COUNT // max(1, len(datasets)))
    held_out = [chat for of, system in datasets.items() for chat in _held_out(of, system, each)]
    return [*held_out, *fixed(next(iter(datasets.values()), ""))]


def fixed(system: str) -> list[list[Message]]:
    """Chats on which tokenizers and templates have been seen to differ; of any language."""
    turns = [
        *chat("", "In 1450 BC?", "Two dates:\n\n3000 BC\n\n1450 BC"),
        Message(role="user", content="Why?"),
    ]
    return [turns, chat(system, "Где хранится Идол из Помоса, №12, 1/2 €?")]


def _held_out(data: Path, system: str, count: int) -> list[list[Message]]:
    if (data / "known.jsonl").is_file():
        questions = read_rows(data / "known.jsonl", Question)[:count]
        return [chat(system, question.question) for question in questions]
    kept = data / "held_out.jsonl"
    path = kept if kept.is_file() and kept.stat().st_size else data / "train.jsonl"
    chats = []
    for line, row in islice(read_objects(path), count):
        where = f"{path}:{line}"
        if "chosen" in row:
            chats.append(check_row(row, PreferenceRow, where).prompt)
        elif "completion" in row:
            chats.append(check_row(row, KtoRow, where).prompt)
        else:  # the turns up to the last answer, which is not among them
            messages = check_row(row, ChatRow, where).messages
            last = max(i for i, message in enumerate(messages) if message.role == "user")
            chats.append(messages[: last + 1])
    return chats

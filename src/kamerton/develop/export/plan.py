"""What is to be exported, checked before any weights load."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import architectures, quantise, rope, vocabulary
from kamerton.develop.settings import ExportSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
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
    quantise.check(settings.quantisation)
    _names(tuned)
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


def _names(tuned: Sequence[Trained]) -> None:
    names = [one.name for one in tuned]
    for name in names:
        if name in _RESERVED or not _NAME.fullmatch(name) or names.count(name) > 1:
            raise InputError("develop.export_name", where=name, reserved=", ".join(_RESERVED))


def _planned(one: Trained) -> Planned:
    where = one.tune / "training.json"
    training = json.loads(read_text(where))
    method = str(training.get("method", "lora"))
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise InputError("develop.export_method", where=str(where), method=method, known=known)
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
        found = "DORA" if dora else settings["peft_type"]
        raise InputError("develop.export_mixed", where=str(where), found=found, method=one.method)
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
    from transformers import AutoConfig

    tokenizer = hub.load_tokenizer(model)
    config = AutoConfig.from_pretrained(hub.folder(model)).get_text_config()
    architectures.check(config, settings.context)
    rope.check(config)
    vocabulary.check(tokenizer, config.vocab_size)

"""To continue from an adapter: its weights are the start of a new training, not a resumed one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.adapter import ADAPTER
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_FIELD = "tune.start_from"
_LORA = {"rank": "r", "alpha": "lora_alpha"}
_PROMPT = {"virtual_tokens": "num_virtual_tokens"}


def folder(settings: TuneSettings) -> Path | None:
    """The adapter folder that `start_from` names; None where it names nothing.

    The tune stage's output does too: its adapter/ is taken. InputError where there is no adapter.
    """
    if not settings.start_from:
        return None
    named = Path(settings.start_from)
    if settings.method == "full":
        raise InputError("develop.tune_start_full", where=_FIELD, path=named)
    adapter = find(named)
    if adapter is None:
        raise InputError("develop.tune_start_missing", where=_FIELD, path=named)
    return adapter


def find(named: Path) -> Path | None:
    """The adapter folder that `named` is, or holds as a tune stage's output does; else None."""
    places = (named, named / ADAPTER)
    whole = (p for p in places if all((p / name).is_file() for name in (_CONFIG, _WEIGHTS)))
    return next(whole, None)


def check(settings: TuneSettings, base: str, adapter: Path) -> None:
    """InputError that names the first field in which adapter and recipe differ.

    Layers are compared as soon as the model is there, by `take_over`.
    """
    config = json.loads(read_text(adapter / _CONFIG))
    for field, was, now in _facts(settings, base, config):
        if was != now:
            raise InputError(
                "develop.tune_start_differs", where=_FIELD, field=field, was=was, now=now
            )


def _facts(
    settings: TuneSettings, base: str, config: dict[str, Any]
) -> Iterator[tuple[str, object, object]]:
    """Field, value of the adapter, value of the recipe."""
    trained = hub.known_as(str(config.get("base_model_name_or_path")))
    yield "base", trained, hub.known_as(base)
    kind = str(config.get("peft_type"))
    names = {"PROMPT_TUNING": "prompt", "LORA": "dora" if config.get("use_dora") else "lora"}
    # An adapter does not tell whether its base was quantised, and need not.
    method = "lora" if settings.method == "qlora" else settings.method
    yield "tune.method", names.get(kind, kind), method
    for field, name in (_PROMPT if settings.method == "prompt" else _LORA).items():
        yield f"tune.{field}", config.get(name), getattr(settings, field)


def take_over(model: Any, adapter: Path) -> None:
    """Put the adapter's weights into the fresh one of `model`.

    InputError where the layers or their shapes are not the same (tune.target_modules), before
    anything is changed.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    old = load_file(adapter / _WEIGHTS)
    fresh = get_peft_model_state_dict(model, save_embedding_layers=False)
    was, now = ({name: tuple(w.shape) for name, w in part.items()} for part in (old, fresh))
    differ = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    if differ:
        name = differ[0]
        raise InputError(
            "develop.tune_start_layers",
            where=_FIELD,
            layer=name,
            was=was.get(name, "-"),
            now=now.get(name, "-"),
        )
    set_peft_model_state_dict(model, old)

"""Going on after a kill: the newest whole checkpoint, and proof that nothing changed meanwhile.

To resume is to finish the same training, to the same bytes; so every fact that shapes the result
is written down at the first start and must be the same at every later one. Silent resumption with
other data or settings is a common complaint (hiyouga/LlamaFactory#7085, peft#859).
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256

STARTED = "started_with.json"

_STATE = "trainer_state.json"
_PACKED = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a Trainer that was written whole; None where there is none.

    One cut off by a kill or a full disk is passed over: a file is missing, or it ends too early.
    """
    every = (p for p in folder.glob("checkpoint-*") if p.name.rsplit("-", 1)[-1].isdigit())
    return next((p for p in sorted(every, key=step_of, reverse=True) if _whole(p)), None)


def step_of(checkpoint: Path) -> int:
    """The optimiser step after which a Trainer wrote a checkpoint."""
    return int(checkpoint.name.rsplit("-", 1)[-1])


def _whole(checkpoint: Path) -> bool:
    weights = [*checkpoint.glob("*.safetensors"), *checkpoint.glob("pytorch_model*.bin")]
    # torch.save writes a zip archive, whose directory stands at its end.
    packed = all(zipfile.is_zipfile(checkpoint / name) for name in _PACKED)
    if not (packed and weights and all(map(_weights_whole, weights))):
        return False
    state = checkpoint / _STATE  # written last: it must be there to its last brace
    return state.is_file() and state.read_text("utf-8", "replace").rstrip().endswith("}")


def _weights_whole(path: Path) -> bool:
    """A safetensors file says at its beginning how long it must be."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        return zipfile.is_zipfile(path)
    try:
        with safe_open(path, "pt"):
            return True
    except SafetensorError:
        return False


def facts(
    settings: BaseModel, seed: int, threads: int, files: Mapping[str, Path]
) -> dict[str, object]:
    """What shapes a training, flat: `settings.rank`, `seed`, `threads`, `sha256.train.jsonl`.

    `files` names each input: data files, and the base's weights (`weights`).
    """
    flat = _flat("settings", settings.model_dump(mode="json"))
    hashes = {f"sha256.{name}": sha256(path) for name, path in files.items()}
    return flat | {"seed": seed, "threads": threads} | hashes


def _flat(prefix: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    parts = (_flat(f"{prefix}.{key}", inner) for key, inner in value.items())
    return {name: inner for part in parts for name, inner in part.items()}


def weights(folder: str) -> dict[str, Path]:
    """The files of a model's weights, as `facts` wants them: `weights.<file>` to its path.

    `folder` is what `hub.folder` gives: a folder, or a hub id whose snapshot is in the cache.
    """
    from transformers.utils.hub import cached_file

    where = Path(cached_file(folder, "config.json", local_files_only=True)).parent
    files = sorted([*where.glob("*.safetensors"), *where.glob("*.bin")])
    return {f"weights.{path.name}": path for path in files}


def hold_to(folder: Path, facts: Mapping[str, object]) -> None:
    """Write `facts` into `folder`/started_with.json, or see that they are what stands there.

    InputError names the first fact that changed since the first start, and says what to do.
    """
    path = folder / STARTED
    now = json.loads(json.dumps(dict(facts)))  # as they read back: tuples are lists there
    if not path.is_file():
        write_text(path, json.dumps(now, indent=2, ensure_ascii=False) + "\n")
        return
    was = json.loads(read_text(path))
    for name in now | was:
        if name not in was or name not in now or was[name] != now[name]:
            values = {"was": _shown(was, name), "now": _shown(now, name)}
            raise InputError("develop.training_changed", where=str(path), field=name, **values)


def _shown(facts: Mapping[str, object], name: str) -> str:
    if name not in facts:
        return say("develop.training_not_said")
    return json.dumps(facts[name], ensure_ascii=False)

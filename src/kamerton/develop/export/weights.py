"""The float base beside the soft prompts that run on it: an export is served from its own folder.

Files of weights out of a cache that never writes a file twice (the converted embedded model, the
hub's) are linked, and cost nothing on the same disk. Those of a user's folder are copied: whoever
trains into it once more would change an export that is finished.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import merge, parity
from kamerton.develop.hub import template_for
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import tree_sha256

FOLDER = "weights"
"""In the export's output; `ServingSpec.weights` names it."""
HASHES = "hashes.json"
"""SHA-256 of each file of the folder, by its name; the server compares before it loads."""
_FILE, _SHARDS = "model.safetensors", "model.safetensors.index.json"
Ids = list[int]


def bring(base: str, model: Any, tokenizer: Any, target: Path) -> None:
    """Write a base as a Hugging Face folder, whole or not at all: weights, vocabulary, template.

    `model`, `tokenizer`: what `hub` loads of `base`. Weights are the base's own files, in their
    own precision; where these are no safetensors, or hold more than a text model, `model`'s.
    """
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if files := _files(base):
        for file in files:
            _place(file, fresh / file.name, link=_kept(base))
        merge.save_settings(model, tokenizer, fresh)
    else:
        merge.save_model(model, tokenizer, fresh)
    merge.save_tokenizer(tokenizer, template_for(tokenizer), fresh)
    write_text(fresh / HASHES, json.dumps(tree_sha256(fresh), indent=2) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _files(base: str) -> list[Path]:
    """The base's files of weights, an index of them included; none where they will not do."""
    from transformers import AutoConfig

    where = hub.folder(base)
    config = AutoConfig.from_pretrained(where)
    if config.get_text_config() is not config:
        return []
    if whole := _file(where, _FILE):
        return [whole]
    index = _file(where, _SHARDS)
    names = sorted(set(json.loads(read_text(index))["weight_map"].values())) if index else []
    found = [file for file in (_file(where, name) for name in names) if file]
    return [index, *found] if index and len(found) == len(names) else []


def _file(where: str, name: str) -> Path | None:
    """A file of a folder, or of a hub id in the hub's cache, where it lies since it was loaded."""
    from huggingface_hub import try_to_load_from_cache

    if Path(where).is_dir():
        return Path(where) / name if (Path(where) / name).is_file() else None
    found = try_to_load_from_cache(where, name)
    return Path(found) if isinstance(found, str) else None


def _kept(base: str) -> bool:
    """Whether the base's files lie in a cache: nobody writes into them."""
    return base == hub.EMBEDDED or not Path(base).is_dir()


def _place(file: Path, target: Path, link: bool) -> None:
    if link:
        with contextlib.suppress(OSError):  # another disk, or one without links: a copy will do
            os.link(file.resolve(), target)
    if not target.is_file():
        shutil.copyfile(file, target)


def check(
    folder: Path, model: Any, chats: Sequence[Sequence[Message]], prompts: Sequence[Ids]
) -> None:
    """InputError where the folder is not the base that was trained on, weight by weight.

    Loaded as the server does; `prompts` are the token ids of `chats` in training. Takes as much
    memory as the base once more.
    """
    import torch
    from transformers import AutoTokenizer

    found, meant = hub.load_model(str(folder)).state_dict(), model.state_dict()
    differ = [n for n in meant if n not in found or not torch.equal(found[n], meant[n])]
    if differ:
        raise InputError("develop.export_base_copy", where=str(folder), tensor=differ[0])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for number, (messages, ids) in enumerate(zip(chats, prompts, strict=True), start=1):
        if parity.prompt_ids(tokenizer, messages) != ids:
            raise InputError("develop.parity_tokens", where=str(folder), number=number)

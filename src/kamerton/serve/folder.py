"""A served folder, checked before anything is loaded: its list, its files, its float base."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, read_text
from kamerton.formats.manifest import sha256
from kamerton.formats.serving import BASE, FILE, RAG, Adapter, ServingSpec

CONFIG, HASHES = "adapter_config.json", "hashes.json"
"""Beside a soft prompt; beside a float base: SHA-256 of its files, where an export brought it."""


def load_spec(folder: Path) -> ServingSpec:
    """serving.json of a folder, with its names and the hashes of the files it names checked."""
    path = folder / FILE
    spec = check_row(_object(path), ServingSpec, str(path))
    taken = {BASE}  # every model id has one meaning
    for name in (adapter.name for adapter in spec.adapters):
        if not name or name in taken or name.endswith(RAG):
            raise InputError("serve.bad_name", where=str(path), name=name)
        taken.add(name)
    if not spec.base and (spec.adapters or not spec.remote):
        raise InputError("serve.no_base", where=str(path))
    files = [(spec.base, spec.base_sha256)] if spec.base else []
    files += [(adapter.file, adapter.sha256) for adapter in spec.adapters]
    _check_files(folder, files)
    return spec


def _check_files(folder: Path, expected: Iterable[tuple[str, str]]) -> None:
    """Files are those of the export, to the last bit: what is cut off would end as nonsense."""
    for name, digest in expected:
        file = folder / name
        if not file.is_file() or sha256(file) != digest:
            raise InputError("serve.corrupt", where=str(file))


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise InputError("formats.not_json", where=where, why=error.msg) from error
    if not isinstance(content, dict):
        raise InputError("formats.not_object", where=str(path))
    return content


def weights(folder: Path, spec: ServingSpec) -> str:
    """The folder of the float base that soft prompts run on; empty where there are none.

    `ServingSpec.weights` is a folder in the served one: exports bring it along. Raises InputError
    where it leads to no model, or to one with other files than the export's, and for a soft prompt
    that does not fit it.
    """
    prompts = [adapter for adapter in spec.adapters if adapter.kind == "prompt"]
    if not prompts:
        return ""
    _check_template(folder, spec)
    place = folder / spec.weights
    if not spec.weights or not (place / "config.json").is_file():
        raise InputError("serve.weights_missing", where=str(folder / FILE), weights=spec.weights)
    if (place / HASHES).is_file():
        _check_files(place, _object(place / HASHES).items())
    config = _object(place / "config.json")
    for adapter in prompts:
        _check_prompt(folder / adapter.file, adapter, config.get("hidden_size"))
    return str(place.resolve())


def _check_template(folder: Path, spec: ServingSpec) -> None:
    """Soft prompts read chats as this release writes them: it must be how they were trained."""
    try:
        same = spec.template_sha256 in ("", templates.sha256(spec.template))
    except FileNotFoundError:
        same = False
    if not same:
        raise InputError("serve.template_changed", where=str(folder / FILE), name=spec.template)


def _check_prompt(file: Path, adapter: Adapter, hidden: int | None) -> None:
    """A PEFT soft prompt whose tensor has the shape [virtual tokens, hidden] that is said of it."""
    from safetensors import SafetensorError, safe_open

    config = _object(file.with_name(CONFIG))
    if config.get("peft_type") != "PROMPT_TUNING":
        kind = config.get("peft_type")
        raise InputError("serve.not_a_prompt", where=str(file.with_name(CONFIG)), kind=kind)
    try:
        with safe_open(file, "numpy") as tensors:
            shape = tensors.get_slice("prompt_embeddings").get_shape()
    except (OSError, SafetensorError) as error:
        raise InputError("serve.prompt_unreadable", where=str(file), why=error) from error
    expected = [config.get("num_virtual_tokens"), hidden or config.get("token_dim")]
    if shape != expected or config.get("token_dim") != expected[1]:
        raise InputError("serve.prompt_shape", where=str(file), shape=shape, wanted=expected)

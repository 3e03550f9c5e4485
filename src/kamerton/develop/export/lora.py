"""LoRA adapters as GGUF, and how much of them is in the file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.export import architectures, gguf
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_OTHERWISE = (
    "use_dora",
    "use_rslora",
    "alpha_pattern",
    "rank_pattern",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "fan_in_fan_out",
    "lora_bias",
    "layer_replication",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
)
"""Fields of a PEFT configuration that make the update something else than B A alpha / r."""


@dataclass(frozen=True)
class Modules:
    """How many modules an adapter file changes."""

    count: int
    acting: int
    """Those whose update is not zero."""


def write(folder: Path, config: Any, path: Path) -> None:
    """Write a PEFT LoRA folder as an adapter of the engine, in float 16.

    `config`: the base's. InputError where the adapter does more than the engine's adapters can.
    """
    settings = _plain_lora(folder)
    with gguf.writing(path, architectures.of(config).engine) as writer:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
        for key, values in sorted(_weights(folder).items()):
            name, part = _adapter_name(key, config)
            up = part == "lora_b"
            ordered = architectures.to_engine(name, values, config) if up else values
            writer.add_tensor(f"{name}.{part}", ordered.astype("float16"))


def _weights(folder: Path) -> dict[str, "np.ndarray"]:
    """An adapter's tensors in float32, which NumPy has and bfloat16 it has not."""
    from safetensors.torch import load_file

    found = load_file(folder / "adapter_model.safetensors")
    return {name: values.float().numpy() for name, values in found.items()}


def _plain_lora(folder: Path) -> dict[str, Any]:
    where = folder / "adapter_config.json"
    settings: dict[str, Any] = json.loads(where.read_text("utf-8"))
    extra = [name for name in _OTHERWISE if settings.get(name)]
    if settings.get("bias", "none") != "none":
        extra.append("bias")
    if settings["peft_type"] != "LORA" or extra:
        fields = ", ".join(extra) or str(settings["peft_type"])
        raise InputError("develop.export_adapter_kind", where=str(where), fields=fields)
    return settings


def _adapter_name(key: str, config: Any) -> tuple[str, str]:
    """`base_model.model.model.layers.0.mlp.up_proj.lora_A.weight` to its tensor and part."""
    inner = key.removeprefix("base_model.model.").removesuffix(".weight")
    module, _, part = inner.rpartition(".")
    name = architectures.tensor(f"{module}.weight", config)
    if part not in {"lora_A", "lora_B"} or not name.startswith("blk."):
        raise InputError("develop.export_tensor", architecture=config.model_type, tensor=key)
    return name, part.lower()


def trained(folder: Path) -> Modules:
    """The modules of a PEFT LoRA folder."""
    return _modules(_weights(folder), lambda name: name.replace("lora_A", "lora_B"), "lora_A")


def written(adapter: Path, base: Path) -> Modules:
    """The modules of an engine's adapter file that its base has, in the same shape.

    The engine refuses a file with others; pairs that lack a half, or do not fit, count nothing.
    """
    from gguf import GGUFReader

    shapes = {t.name: tuple(int(n) for n in t.shape) for t in GGUFReader(base).tensors}
    weights = {t.name: t.data for t in GGUFReader(adapter).tensors}
    fitting = {
        name: values
        for name, values in weights.items()
        if _fits(values, name, shapes.get(name.rpartition(".")[0]))
    }
    return _modules(fitting, lambda name: name.replace("lora_a", "lora_b"), "lora_a")


def _fits(values: "np.ndarray", name: str, shape: tuple[int, ...] | None) -> bool:
    """Whether A [rank, columns] or B [rows, rank] belongs to a base of `shape` (columns, rows)."""
    if shape is None:
        return False
    return bool(
        values.shape[1] == shape[0] if name.endswith("lora_a") else values.shape[0] == shape[1]
    )


def _modules(
    weights: Mapping[str, "np.ndarray"], other: Callable[[str], str], down: str
) -> Modules:
    pairs = [(name, other(name)) for name in weights if down in name and other(name) in weights]
    acting = sum(bool(weights[a].any() and weights[b].any()) for a, b in pairs)
    return Modules(len(pairs), acting)

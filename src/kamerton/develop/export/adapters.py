"""Adapters as files of their engines: LoRA as GGUF, soft prompts as PEFT folders; both checked.

llama.cpp takes no embeddings, so soft prompts (Lester et al. 2021) stay PEFT folders.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.export import architectures, folders, gguf
from kamerton.engines.llamacpp.tokens import Ids
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import whole_folder

if TYPE_CHECKING:
    import numpy as np


WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
LARGEST = 1e-5
"""Largest difference of the copied soft prompt's logits from the trained one's."""
_NO_PLAIN_LORA = (
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


def write_lora(folder: Path, config: Any, path: Path) -> None:
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
    """An adapter's tensors in float32: NumPy has no bfloat16."""
    from safetensors.torch import load_file

    tensors = load_file(folder / WEIGHTS)
    return {name: values.float().numpy() for name, values in tensors.items()}


def _plain_lora(folder: Path) -> dict[str, Any]:
    where = folder / CONFIG
    settings: dict[str, Any] = json.loads(where.read_text("utf-8"))
    extra = [name for name in _NO_PLAIN_LORA if settings.get(name)]
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

    matrices = (t for t in GGUFReader(base).tensors if len(t.shape) == 2)
    shapes = {t.name: tuple(int(n) for n in t.shape) for t in matrices}
    weights = {t.name: t.data for t in GGUFReader(adapter).tensors}
    fitting = {}
    for name, values in weights.items():
        columns, rows = shapes.get(name.rpartition(".")[0], (None, None))
        # A is [rank, columns], B [rows, rank].
        fits = values.shape[1] == columns if name.endswith("lora_a") else values.shape[0] == rows
        if fits:
            fitting[name] = values
    return _modules(fitting, lambda name: name.replace("lora_a", "lora_b"), "lora_a")


def _modules(
    weights: Mapping[str, "np.ndarray"], other: Callable[[str], str], down: str
) -> Modules:
    pairs = [(name, other(name)) for name in weights if down in name and other(name) in weights]
    acting = sum(bool(weights[a].any() and weights[b].any()) for a, b in pairs)
    return Modules(len(pairs), acting)


@dataclass(frozen=True)
class Reloaded:
    """The copied adapter in transformers, against its embeddings put before the prompt by hand."""

    chats: int
    virtual_tokens: int
    largest_logit_difference: float
    same_first_tokens: int
    largest_logprob_difference: float
    """Of the most likely next token, in nats."""
    effect: float
    """Largest change of that log-probability by the soft prompt, in nats."""
    noise: float
    """Largest change of any log-probability by rounding alone: the base, computed at the length
    that it has with the soft prompt."""


def copy_prompt(folder: Path, target: Path, base: str) -> Path:
    """Copy a soft prompt's two files, whole or not at all; returns the weights' path.

    `base`: the name of its base there: what peft writes may be a path of this machine.
    """
    settings = json.loads(read_text(folder / CONFIG))
    settings |= {"base_model_name_or_path": base, "tokenizer_name_or_path": None}
    with whole_folder(target) as fresh:
        shutil.copyfile(folder / WEIGHTS, fresh / WEIGHTS)
        write_text(fresh / CONFIG, json.dumps(settings, indent=2) + "\n")
    return target / WEIGHTS


def check_prompt(model: Any, trained: Path, copied: Path, prompts: Sequence[Ids]) -> Reloaded:
    """Reload a soft prompt's copy and compare with the trained embeddings, put in by hand.

    InputError where the logits differ, and where the soft prompt does nothing.
    """
    from safetensors.torch import load_file

    rows = load_file(trained / WEIGHTS)["prompt_embeddings"]  # [virtual tokens, hidden]
    noise = max(_rounding(model, ids, len(rows)) for ids in prompts)
    with folders.adapted(model, copied) as tuned:
        compared = [_compare(model, tuned, rows, ids) for ids in prompts]
    logits, same, logprobs, effects = zip(*compared, strict=True)
    result = Reloaded(
        chats=len(compared),
        virtual_tokens=len(rows),
        largest_logit_difference=max(logits),
        same_first_tokens=sum(same),
        largest_logprob_difference=max(logprobs),
        effect=max(effects),
        noise=noise,
    )
    if not result.largest_logit_difference <= LARGEST:
        value = result.largest_logit_difference
        raise InputError("develop.export_soft", where=str(copied), difference=value, bound=LARGEST)
    if not result.effect > result.noise:
        raise InputError("develop.adapter_inert", where=str(copied))
    return result


def _rounding(model: Any, ids: Ids, more: int) -> float:
    """Change of the next log-probabilities where `more` tokens follow, which no causal model sees.

    A longer input is multiplied in other blocks: what differs is the order of the sums.
    """
    import torch

    with torch.no_grad():
        short, long = (
            model(input_ids=torch.tensor([tokens])).logits[0, len(ids) - 1].log_softmax(-1)
            for tokens in (ids, ids + ids[-1:] * more)
        )
    return float((short - long).abs().max())


def _compare(model: Any, tuned: Any, rows: Any, ids: Ids) -> tuple[float, bool, float, float]:
    """Logit difference, same token, log-probability difference, and effect after one chat."""
    import torch

    tokens = torch.tensor([ids])
    with torch.no_grad():
        words = model.get_input_embeddings()(tokens)
        meant = model(inputs_embeds=torch.cat([rows[None].to(words), words], 1)).logits
        got = tuned(input_ids=tokens).logits
        plain = model(input_ids=tokens).logits[0, -1].log_softmax(-1)
    if got.shape != meant.shape:
        return float("inf"), False, float("inf"), 0.0
    one, other = (logits[0, -1].log_softmax(-1) for logits in (meant, got))
    top = int(one.argmax())
    return (
        float((got - meant).abs().max()),
        top == int(other.argmax()),
        float((one[top] - other[top]).abs()),
        float((other[top] - plain[top]).abs()),
    )

"""Which Hugging Face architectures the engine runs, under which names, and in which row order.

llama.cpp rotates positions in two ways. NORM pairs neighbours (0, 1), (2, 3), ...; NEOX pairs
halves (0, d/2), (1, d/2 + 1), ... as Hugging Face does for all of these. Where the engine's graph
of an architecture uses NORM (llama, and mistral, which is a llama there), the rows of Q and K are
written in another order, each head's halves interleaved; where it uses NEOX (qwen2, qwen3) they
stay. The wrong choice loads without a word and answers nonsense: parity.py is there to tell.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
_PROJECTIONS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True)
class Architecture:
    """One architecture of transformers in the engine's terms."""

    engine: str
    """The engine's name for it."""
    interleaved: bool
    """Whether each head's halves of Q and K are interleaved (NORM)."""
    biases: tuple[str, ...] = ()
    """Projections whose biases the engine reads."""
    head_norms: bool = False
    """Whether Q and K are normed head by head."""
    factors: bool = False
    """Whether the engine reads a factor for each rotated pair (Llama 3's scaling)."""


ARCHITECTURES = {
    "llama": Architecture("llama", interleaved=True, biases=_PROJECTIONS, factors=True),
    "mistral": Architecture("llama", interleaved=True, factors=True),
    "qwen2": Architecture("qwen2", interleaved=False, biases=("attn_q", "attn_k", "attn_v")),
    "qwen3": Architecture("qwen3", interleaved=False, head_norms=True),
}


def of(config: Any) -> Architecture:
    """The engine's terms for a model's configuration; InputError where there are none."""
    if config.model_type not in ARCHITECTURES:
        raise InputError(
            "develop.export_architecture",
            architecture=config.model_type,
            supported=", ".join(ARCHITECTURES),
        )
    return ARCHITECTURES[config.model_type]


def check(config: Any, context: int) -> None:
    """InputError where the engine would compute something else than transformers does.

    A sliding window is no obstacle while prompt and answer, `context` tokens, fit into it: it
    never slides then.
    """
    known = of(config)
    if config.hidden_act != "silu":
        raise _refuse(config, "hidden_act", config.hidden_act)
    if getattr(config, "attention_bias", False) and "attn_output" not in known.biases:
        raise _refuse(config, "attention_bias", True)
    if head_size(config) % 2:
        raise _refuse(config, "head_dim", head_size(config))
    width = window(config)
    if width is not None and context > width:
        raise InputError(
            "develop.export_window", architecture=config.model_type, window=width, context=context
        )


def _refuse(config: Any, field: str, value: object) -> InputError:
    return InputError(
        "develop.export_field", architecture=config.model_type, field=field, value=value
    )


def head_size(config: Any) -> int:
    """Width of one attention head."""
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)


def window(config: Any) -> int | None:
    """Tokens that a layer looks back at, where some layer has such a limit."""
    width = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = "sliding_attention" in kinds if kinds else config.model_type == "mistral"
    return int(width) if width and slides else None


def tensor(key: str, config: Any) -> str:
    """`model.layers.0.mlp.up_proj.weight` as the engine's `blk.0.ffn_up.weight`.

    InputError where the engine's graph has no such tensor: it would be left out of the sum.
    """
    module, _, part = key.rpartition(".")
    name = _module(module)
    kind = name.rpartition(".")[2]
    known = of(config)
    wrong = part == "bias" and kind not in known.biases
    wrong |= kind in {"attn_q_norm", "attn_k_norm"} and not known.head_norms
    if not name or wrong or part not in {"weight", "bias"}:
        raise InputError("develop.export_tensor", architecture=config.model_type, tensor=key)
    return f"{name}.{part}"


def _module(module: str) -> str:
    """The engine's name of a module, empty where it has none."""
    if module in _WHOLE:
        return _WHOLE[module]
    layer, _, inner = module.removeprefix("model.layers.").partition(".")
    known = module.startswith("model.layers.") and inner in _LAYER
    return f"blk.{layer}.{_LAYER[inner]}" if known else ""


def to_engine(name: str, values: "np.ndarray", config: Any) -> "np.ndarray":
    """Rows [heads x head size, ...] of Q and K in the engine's order; others as they are."""
    heads = _heads(name, config)
    if heads is None:
        return values
    half = values.shape[0] // heads // 2
    split = values.reshape(heads, 2, half, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def from_engine(name: str, values: "np.ndarray", config: Any) -> "np.ndarray":
    """The inverse of `to_engine`."""
    heads = _heads(name, config)
    if heads is None:
        return values
    half = values.shape[0] // heads // 2
    split = values.reshape(heads, half, 2, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def _heads(name: str, config: Any) -> int | None:
    """Heads whose rows are reordered in the tensor `blk.N.attn_q.weight` or its like."""
    kinds = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    kind = name.rpartition(".")[0].rpartition(".")[2]
    return kinds.get(kind) if of(config).interleaved else None

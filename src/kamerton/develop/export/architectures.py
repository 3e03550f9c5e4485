"""Base kinds of Hugging Face that can be exported: one entry in one table for each.

llama.cpp rotates positions in two ways. NORM pairs neighbours (0, 1), (2, 3), ...; NEOX pairs
halves (0, d/2), (1, d/2 + 1), ... as Hugging Face does for all of these. Where the engine's graph
of an architecture uses NORM (llama, and mistral, which is a llama there), the rows of Q and K are
written in another order, each head's halves interleaved; where it uses NEOX (qwen2, qwen3) they
stay. The wrong choice loads without an error and answers nonsense: parity.py is there to find it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

_PROJECTIONS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
_HEAD_NORMS = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
_ROPE = ("default", "linear", "yarn")


@dataclass(frozen=True)
class Architecture:
    """One base kind of transformers in the engine's terms."""

    engine: str
    """The engine's name for it."""
    layer: Mapping[str, str]
    """Modules of a layer, and the engine's names of their tensors."""
    interleaved: bool = False
    """Whether each head's halves of Q and K are interleaved (NORM)."""
    biases: tuple[str, ...] = ()
    """The engine's names of the projections whose biases it reads."""
    activation: str = "silu"
    """The only activation that the engine's graph has, by the name of `hidden_act`."""
    norm_offset: float = 0.0
    """What the engine's graph expects to be added to the weights of norms."""
    slides: bool = False
    """Whether all layers have the window where a configuration names no kinds of layers."""
    rope: tuple[str, ...] = _ROPE
    """Scalings of positions that the engine computes as transformers does."""
    vocabularies: tuple[str, ...] = ("BPE",)
    """Kinds of vocabulary, by the tokenizer's `model.type`, that vocabulary.py writes for it."""
    whole: Mapping[str, str] = field(
        default_factory=lambda: {
            "model.embed_tokens": "token_embd",
            "model.norm": "output_norm",
            "lm_head": "output",
        }
    )
    """Modules outside of the layers."""


ARCHITECTURES = {
    "llama": Architecture(
        "llama",
        _PROJECTIONS | _NORMS,
        interleaved=True,
        biases=tuple(_PROJECTIONS.values()),
        rope=(*_ROPE, "llama3"),
    ),
    "mistral": Architecture(
        "llama", _PROJECTIONS | _NORMS, interleaved=True, slides=True, rope=(*_ROPE, "llama3")
    ),
    "qwen2": Architecture("qwen2", _PROJECTIONS | _NORMS, biases=("attn_q", "attn_k", "attn_v")),
    "qwen3": Architecture("qwen3", _PROJECTIONS | _NORMS | _HEAD_NORMS),
}


def of(config: Any) -> Architecture:
    """The entry of a model's configuration; InputError where there is none."""
    if config.model_type not in ARCHITECTURES:
        values = {"architecture": config.model_type, "supported": ", ".join(ARCHITECTURES)}
        raise InputError("develop.export_architecture", **values)
    return ARCHITECTURES[config.model_type]


def check(config: Any, context: int) -> None:
    """InputError where the engine would compute something else than transformers does.

    A sliding window is no obstacle while prompt and answer, `context` tokens, fit into it: it
    never slides then.
    """
    architecture, kind = of(config), config.model_type
    other: dict[str, object] = {}
    if config.hidden_act != architecture.activation:
        other["hidden_act"] = config.hidden_act
    if getattr(config, "attention_bias", False) and "attn_output" not in architecture.biases:
        other["attention_bias"] = True
    if head_size(config) % 2:
        other["head_dim"] = head_size(config)
    for name, value in other.items():
        raise InputError("develop.export_field", architecture=kind, field=name, value=value)
    width = window(config)
    if width is not None and context > width:
        raise InputError("develop.export_window", architecture=kind, window=width, context=context)
    _check_rope(config)


def head_size(config: Any) -> int:
    """Width of one attention head."""
    size = getattr(config, "head_dim", None)
    return int(size or config.hidden_size // config.num_attention_heads)


def window(config: Any) -> int | None:
    """Tokens that a layer looks back at, where some layer has such a limit."""
    width = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = "sliding_attention" in kinds if kinds else of(config).slides
    return int(width) if width and slides else None


def tensor(key: str, config: Any) -> str:
    """`model.layers.0.mlp.up_proj.weight` as the engine's `blk.0.ffn_up.weight`.

    InputError where the engine's graph has no such tensor: it would be left out of the sum.
    """
    architecture = of(config)
    module, _, part = key.rpartition(".")
    kind, prefix = architecture.whole.get(module, ""), ""
    if module.startswith("model.layers."):
        layer, _, inner = module.removeprefix("model.layers.").partition(".")
        kind, prefix = architecture.layer.get(inner, ""), f"blk.{layer}."
    bias = part == "bias" and kind in architecture.biases
    if not kind or not (bias or part == "weight"):
        raise InputError("develop.export_tensor", architecture=config.model_type, tensor=key)
    return f"{prefix}{kind}.{part}"


def to_engine(name: str, values: "np.ndarray", config: Any, back: bool = False) -> "np.ndarray":
    """A tensor as the engine has it: rows [heads x head size, ...] of Q and K in its order.

    `back`: the other way, from the engine's form.
    """
    if (offset := of(config).norm_offset) and name.endswith("norm.weight"):
        shifted: np.ndarray = values + values.dtype.type(-offset if back else offset)
        return shifted
    kinds = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    heads = kinds.get(name.rpartition(".")[0].rpartition(".")[2])
    if heads is None or not of(config).interleaved:
        return values
    half = values.shape[0] // heads // 2
    halves = (half, 2) if back else (2, half)
    split = values.reshape(heads, *halves, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


_PLAIN = {"rope_theta", "rope_type", "type", "factor", "original_max_position_embeddings"}
_FIELDS = {
    "default": {"partial_rotary_factor"},
    "linear": {"partial_rotary_factor"},
    "llama3": {"partial_rotary_factor", "low_freq_factor", "high_freq_factor"},
    "yarn": {"partial_rotary_factor", "beta_fast", "beta_slow"},
}
"""Fields of each kind that are understood here; any other would be computed differently."""


def _rope(config: Any) -> tuple[str, dict[str, Any]]:
    """The kind of scaling of positions, and all its fields."""
    fields = dict(getattr(config, "rope_parameters", None) or {})
    return str(fields.get("rope_type") or fields.get("type") or "default"), fields


def _check_rope(config: Any) -> None:
    """InputError where the engine does not rotate as this configuration says."""
    kind, fields = _rope(config)
    problem = kind if kind not in of(config).rope else ""
    if not problem:
        named = {name for name, value in fields.items() if value is not None}
        unknown = named - _FIELDS[kind] - _PLAIN
        if float(fields.get("partial_rotary_factor") or 1.0) != 1.0:
            unknown.add("partial_rotary_factor")
        problem = f"{kind}, {', '.join(sorted(unknown))}" if unknown else ""
    if problem:
        supported = ", ".join(of(config).rope)
        values = {"architecture": config.model_type, "kind": problem, "supported": supported}
        raise InputError("develop.export_rope", **values)


def add_rope(writer: "GGUFWriter", config: Any) -> None:
    """Write base frequency, rotated dimensions, and how positions are scaled."""
    kind, fields = _rope(config)
    writer.add_rope_freq_base(float(fields.get("rope_theta") or 10_000.0))
    writer.add_rope_dimension_count(head_size(config))
    if kind == "llama3":
        _add_factors(writer, config, fields)
    elif kind in ("linear", "yarn"):
        _add_scaling(writer, config, kind, fields)


def _add_scaling(writer: "GGUFWriter", config: Any, kind: str, fields: dict[str, Any]) -> None:
    """One factor for all positions (Chen et al. 2023, arXiv:2306.15595), or YaRN's.

    YaRN (Peng et al. 2023, arXiv:2309.00071): both sides scale attention by its default.
    """
    from gguf import RopeScalingType

    factor: Any = fields.get("factor")
    if kind == "yarn":
        original = int(fields["original_max_position_embeddings"])
        factor = factor or config.max_position_embeddings / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_yarn_beta_fast(float(fields.get("beta_fast") or 32))
        writer.add_rope_scaling_yarn_beta_slow(float(fields.get("beta_slow") or 1))
    writer.add_rope_scaling_type(RopeScalingType[kind.upper()])
    writer.add_rope_scaling_factor(float(factor))


def _add_factors(writer: "GGUFWriter", config: Any, fields: dict[str, Any]) -> None:
    """A factor for each frequency, as transformers computes it for Llama 3."""
    import numpy as np
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    size = head_size(config)
    plain = float(fields["rope_theta"]) ** -(np.arange(0, size, 2) / size)
    factors = (plain / scaled.double().numpy()).astype(np.float32)
    writer.add_tensor("rope_freqs.weight", factors)

"""How positions are rotated, in the engine's keys."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kamerton.develop.export import architectures
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from gguf import GGUFWriter

_PLAIN = {"rope_theta", "rope_type", "type", "factor", "original_max_position_embeddings"}
_FIELDS = {
    "default": {"partial_rotary_factor"},
    "linear": {"partial_rotary_factor"},
    "llama3": {"partial_rotary_factor", "low_freq_factor", "high_freq_factor"},
    "yarn": {"partial_rotary_factor", "beta_fast", "beta_slow"},
}
"""Fields of each kind that are understood here; any other would be computed differently."""


def check(config: Any) -> None:
    """InputError where the engine does not rotate as this configuration says."""
    told = _parameters(config)
    kind = _kind(told)
    if kind not in _FIELDS or (kind == "llama3" and not architectures.of(config).factors):
        raise _refuse(config, kind)
    unknown = {k for k, v in told.items() if v is not None} - _FIELDS[kind] - _PLAIN
    if unknown:
        raise _refuse(config, f"{kind}, {', '.join(sorted(unknown))}")
    if float(told.get("partial_rotary_factor") or 1.0) != 1.0:
        raise _refuse(config, f"{kind}, partial_rotary_factor")


def _parameters(config: Any) -> dict[str, Any]:
    return dict(getattr(config, "rope_parameters", None) or {})


def _kind(told: dict[str, Any]) -> str:
    return str(told.get("rope_type") or told.get("type") or "default")


def _refuse(config: Any, kind: str) -> InputError:
    known = ", ".join(_FIELDS)
    return InputError(
        "develop.export_rope", architecture=config.model_type, kind=kind, supported=known
    )


def add(writer: "GGUFWriter", config: Any) -> None:
    """Base frequency, rotated dimensions, and how they are scaled."""
    told = _parameters(config)
    writer.add_rope_freq_base(float(told.get("rope_theta") or 10_000.0))
    writer.add_rope_dimension_count(architectures.head_size(config))
    _SCALING[_kind(told)](writer, config, told)


def _default(writer: "GGUFWriter", config: Any, told: dict[str, Any]) -> None:
    """Nothing is scaled."""


def _linear(writer: "GGUFWriter", config: Any, told: dict[str, Any]) -> None:
    """All positions are divided by one factor (Chen et al. 2023, arXiv:2306.15595)."""
    from gguf import RopeScalingType

    writer.add_rope_scaling_type(RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(float(told["factor"]))


def _yarn(writer: "GGUFWriter", config: Any, told: dict[str, Any]) -> None:
    """YaRN (Peng et al. 2023, arXiv:2309.00071); both sides scale attention by its default."""
    from gguf import RopeScalingType

    original = int(told["original_max_position_embeddings"])
    factor = told.get("factor") or config.max_position_embeddings / original
    writer.add_rope_scaling_type(RopeScalingType.YARN)
    writer.add_rope_scaling_factor(float(factor))
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_scaling_yarn_beta_fast(float(told.get("beta_fast") or 32))
    writer.add_rope_scaling_yarn_beta_slow(float(told.get("beta_slow") or 1))


def _llama3(writer: "GGUFWriter", config: Any, told: dict[str, Any]) -> None:
    """A factor for each frequency, as transformers computes it for Llama 3."""
    import numpy as np
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    size = architectures.head_size(config)
    plain = float(told["rope_theta"]) ** -(np.arange(0, size, 2) / size)
    factors = (plain / scaled.double().numpy()).astype(np.float32)
    writer.add_tensor("rope_freqs.weight", factors)


_SCALING: dict[str, Callable[["GGUFWriter", Any, dict[str, Any]], None]] = {
    "default": _default,
    "linear": _linear,
    "llama3": _llama3,
    "yarn": _yarn,
}

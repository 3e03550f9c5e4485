"""A float32 model for the batched engine: our attention in it, its matrices laid out for oneDNN."""

from functools import partial
from typing import Any

from kamerton.engines.batching import attention

_ROWS = 32
"""Rows of a product for which oneDNN chooses the layout of a matrix: a usual batch."""
_WIDE = ("AVX512", "AVX512_VNNI", "AMX")
"""Processors on which oneDNN was measured to be faster than MKL (docs/decisions/0006)."""


class Unsupported(ValueError):
    """A model that the engine would compute wrongly; the text says which part."""


def load(folder: str, pack: bool = True, adapter: str = "") -> Any:
    """The model of a folder, float32 on the CPU, with an adapter's folder merged into it.

    OSError or ValueError where it is none, `Unsupported` where its attention is not plain or the
    adapter is none that weights take in.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model, found = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    if found["missing_keys"]:
        raise ValueError(f"weights are missing: {', '.join(sorted(found['missing_keys'])[:3])}")
    return prepare(_merged(model, adapter) if adapter else model, pack)


def _merged(model: Any, adapter: str) -> Any:
    from peft import PeftModel

    tuned = PeftModel.from_pretrained(model, adapter)
    if not hasattr(tuned.base_model, "merge_and_unload"):
        raise Unsupported(f"an adapter of kind {tuned.active_peft_config.peft_type}")
    return tuned.merge_and_unload()


def prepare(model: Any, pack: bool = True) -> Any:
    """Give a model our attention and, where that is faster, oneDNN's matrices."""
    from transformers import AttentionInterface

    check(model)
    AttentionInterface.register(attention.NAME, attention.attend)
    model.config._attn_implementation = attention.NAME
    if pack and worthwhile():
        pack_linear(model)
    return model.eval().requires_grad_(False)


def check(model: Any) -> None:
    """Raises `Unsupported` for what `attention` does not compute: windows, caps, sinks, states."""
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        raise Unsupported(f"layers of other kinds than full attention: {', '.join(sorted(kinds))}")
    windowed = getattr(config, "use_sliding_window", True)
    if getattr(config, "sliding_window", None) and windowed:
        raise Unsupported(f"a sliding window of {config.sliding_window} tokens")
    if getattr(config, "attn_logit_softcapping", None):
        raise Unsupported("capped attention logits")
    if not getattr(model, "_supports_attention_backend", False):
        raise Unsupported(f"the attention of {config.model_type} cannot be replaced")


def worthwhile() -> bool:
    """Whether this processor and this build of torch are of the kind that was measured."""
    import torch

    capability: str = torch.backends.cpu.get_cpu_capability()
    return bool(torch.backends.mkldnn.is_available()) and capability.startswith(_WIDE)


def pack_linear(model: Any) -> int:
    """Lay the matrix of every plain linear layer out as oneDNN wants it; the number of layers.

    The plain matrix is let go: memory stays the same, but for a head that shares the embeddings.
    """
    import torch

    count = 0
    for layer in model.modules():
        if type(layer) is torch.nn.Linear and "forward" not in layer.__dict__:
            weight = layer.weight.detach()
            packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
            layer.forward = partial(_product, packed, layer.bias)
            layer.weight = torch.nn.Parameter(weight.new_empty(0), requires_grad=False)
            count += 1
    return count


def _product(packed: Any, bias: Any, x: Any) -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")

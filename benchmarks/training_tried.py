"""Levers that were tried for tuning on a CPU and are not in use; training_levers.py measures them.

Each is put on top of everything that is in use, by a function that takes the model and gives one
that takes it back.
"""

from collections.abc import Callable
from typing import Any

Undo = Callable[[], None]


def packed_weights(model: Any) -> Undo:
    """oneDNN's own order of the frozen weights, made once for each direction: twice their size."""
    import torch

    from kamerton.develop.training import linear

    plus, known = linear.plus, {}

    def packed(weight: Any) -> Any:
        key = weight.data_ptr(), weight.shape
        if key not in known:
            plain = weight.detach().contiguous()
            known[key] = torch.ops.mkldnn._reorder_linear_weight(plain, None)
        return known[key]

    def from_packed(other: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        return plus(other, x, packed(weight), bias)

    linear.plus = from_packed
    return lambda: setattr(linear, "plus", plus)


def one_attention_call(model: Any) -> Undo:
    """Rows padded to one length for attention alone, in one causal call without a mask."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention
    from torch.nn.utils.rnn import pad_sequence

    from kamerton.develop.training import attention

    own = attention._each

    def each(states: list[Any], lengths: list[int], dropout: float, scaling: float | None) -> Any:
        rows = [
            pad_sequence(one.split(lengths), batch_first=True).transpose(1, 2) for one in states
        ]
        grouped = states[0].shape[1] != states[1].shape[1]
        out = scaled_dot_product_attention(
            *rows, dropout_p=dropout, scale=scaling, is_causal=True, enable_gqa=grouped
        ).transpose(1, 2)
        return torch.cat([row[:n] for row, n in zip(out, lengths, strict=True)])

    attention._each = each
    return lambda: setattr(attention, "_each", own)


def half_products(model: Any) -> Undo:
    """Products with frozen weights in bfloat16; what they give is rounded too."""
    from kamerton.develop.training import linear

    plus, known = linear.plus, {}

    def half(weight: Any) -> Any:
        plain = weight if weight.is_contiguous() else weight.t()
        if weight.data_ptr() not in known:
            known[weight.data_ptr()] = plain.detach().bfloat16()
        found = known[weight.data_ptr()]
        return found if weight.is_contiguous() else found.t()

    def in_half(other: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        found = linear.product(x.bfloat16(), half(weight))
        return other.add_(found) if bias is None else other.add_(found).add_(bias)

    linear.plus = in_half
    return lambda: setattr(linear, "plus", plus)


def filling(model: Any) -> Undo:
    """Memory filled before it is written, as torch does under deterministic algorithms."""
    import torch

    torch.utils.deterministic.fill_uninitialized_memory = True
    return lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)


def compiled_pieces(model: Any) -> Undo:
    """torch.compile (inductor, C++) of norms, gates and rotations, instead of our own."""
    import torch
    from transformers.models.llama import modeling_llama

    from kamerton.develop.training import elementwise

    elementwise.undo(model)
    options = {"dynamic": True, "fullgraph": True}
    norms = [m for m in model.modules() if isinstance(m, modeling_llama.LlamaRMSNorm)]
    gated = [m for m in model.modules() if isinstance(m, modeling_llama.LlamaMLP)]
    norm = torch.compile(modeling_llama.LlamaRMSNorm.forward, **options)
    gate = torch.compile(lambda gate, up: torch.nn.functional.silu(gate) * up, **options)
    own = modeling_llama.apply_rotary_pos_emb
    modeling_llama.apply_rotary_pos_emb = torch.compile(own, **options)
    for layer in norms:
        layer.forward = norm.__get__(layer)
    for layer in gated:
        layer.forward = lambda x, m=layer: m.down_proj(gate(m.gate_proj(x), m.up_proj(x)))

    def undo() -> None:
        modeling_llama.apply_rotary_pos_emb = own
        for layer in norms + gated:
            del layer.forward
        elementwise.use(model)

    return undo


def one_thread(model: Any) -> Undo:
    """One thread instead of one for each core."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    return lambda: torch.set_num_threads(threads)


TRIED: dict[str, Callable[[Any], Undo]] = {
    "frozen weights in oneDNN's own order": packed_weights,
    "products of frozen weights in bfloat16 (leaves the loss curve)": half_products,
    "attention in one padded call": one_attention_call,
    "memory filled before use (torch, unless told otherwise)": filling,
    "torch.compile of norms, gates, rotations": compiled_pieces,
    "one thread": one_thread,
}

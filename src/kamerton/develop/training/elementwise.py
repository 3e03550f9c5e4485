"""Norms, gates and rotations between the products: fewer passes over memory, less of it kept.

Written out in single operations, a root-mean-square norm reads and writes its input nine times in
training, and each intermediate is kept for the backward pass. With weights that are frozen their
gradients are short formulas; what is cheap is computed again instead of kept. Exact but for
rounding: each layer is compared with its own forward pass before it is replaced.

This module imports torch at its top: it is itself imported only when training starts.
"""

import sys
from typing import Any

import torch  # noqa: TID253
from torch.nn.functional import silu  # noqa: TID253

from kamerton.develop.training.attention import whole
from kamerton.develop.training.linear import fit, put_back, replace

_BOUND = 1e-5
"""Largest relative difference from a layer's own forward pass that rounding explains."""
_ROWS = 5


class Norm(torch.autograd.Function):  # type: ignore[misc]
    """x / sqrt(mean(x²) + eps) * weight (Zhang and Sennrich 2019), of a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, epsilon: float) -> Any:
        """`x` [..., size], `weight` [size]; gives [..., size]."""
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
        rate = square.div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, rate)
        return (x * rate).mul_(weight)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None]:
        """Rate * (gw - x * rate² * mean(gw * x)), gw the gradient times the weight."""
        x, weight, rate = ctx.saved_tensors
        scaled = gradient * weight
        along = torch.linalg.vecdot(scaled, x).unsqueeze(-1)
        along.mul_(rate.square()).div_(-x.shape[-1])
        return scaled.addcmul_(x, along).mul_(rate), None, None


class Gate(torch.autograd.Function):  # type: ignore[misc]
    """silu(gate) * up (Shazeer 2020, SwiGLU); keeps its two inputs only."""

    @staticmethod
    def forward(ctx: Any, gate: Any, up: Any) -> Any:
        """Both [..., size], and so is what it gives."""
        ctx.save_for_backward(gate, up)
        return silu(gate).mul_(up)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, Any]:
        """silu(gate) is computed again."""
        gate, up = ctx.saved_tensors
        of_up = silu(gate).mul_(gradient)
        return torch.ops.aten.silu_backward(gradient * up, gate), of_up


class Turn(torch.autograd.Function):  # type: ignore[misc]
    """Rotary positions (Su et al. 2021) of halves, as Llama has them; backward turns back."""

    @staticmethod
    def forward(ctx: Any, x: Any, cos: Any, sin: Any) -> Any:
        """`x` [rows, length, heads, size], `cos` and `sin` [rows, length, 1, size]."""
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None]:
        """The same turn the other way."""
        cos, sin = ctx.saved_tensors
        return _turned(gradient, cos, sin, -1), None, None


def _turned(x: Any, cos: Any, sin: Any, way: int) -> Any:
    half = x.shape[-1] // 2
    out = x * cos
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-way)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:], value=way)
    return out


def use(model: Any) -> int:
    """Replace what can be replaced in `model`, of any architecture; the number of layers.

    Rotations belong to the architecture's module and are replaced for all its models. `undo` takes
    everything back.
    """
    if model.device.type != "cpu":
        return 0
    layers = list(model.modules())
    norms = [layer for layer in layers if _is_norm(layer) and _same(layer, _norm)]
    gated = [layer for layer in layers if _is_gated(layer) and _same(layer, _gated)]
    count = replace(norms, _norm) + replace(gated, _gated)
    return count + _turn_in(sys.modules[type(whole(model)).__module__])


def undo(model: Any) -> None:
    """The layers' own forward passes again, and the architecture's own rotations."""
    put_back(model, _norm)
    put_back(model, _gated)
    home: Any = sys.modules[type(whole(model)).__module__]
    turn: Any = getattr(home, "apply_rotary_pos_emb", None)
    if hasattr(turn, "original"):
        home.apply_rotary_pos_emb = turn.original


def _is_norm(layer: Any) -> bool:
    if not type(layer).__name__.endswith("RMSNorm") or not hasattr(layer, "variance_epsilon"):
        return False
    return hasattr(layer, "weight") and layer.weight.dtype == torch.float32


def _norm(layer: Any, x: Any) -> Any:
    if layer.weight.requires_grad or not fit(x, layer.weight):
        return type(layer).forward(layer, x)
    return Norm.apply(x, layer.weight, layer.variance_epsilon)


def _is_gated(layer: Any) -> bool:
    parts = [getattr(layer, f"{name}_proj", None) for name in ("gate", "up", "down")]
    return all(hasattr(part, "in_features") for part in parts)


def _gated(layer: Any, x: Any) -> Any:
    gate, up = layer.gate_proj(x), layer.up_proj(x)
    if not fit(gate, up):
        return type(layer).forward(layer, x)
    return layer.down_proj(Gate.apply(gate, up))


def _same(layer: Any, ours: Any) -> bool:
    """Whether `ours` gives what the layer gives, without dropout; no random number is drawn."""
    modes = {module: module.training for module in layer.modules()}
    size = layer.weight.shape[0] if hasattr(layer, "weight") else layer.gate_proj.in_features
    x = torch.randn(1, _ROWS, size, generator=torch.Generator().manual_seed(1))
    layer.eval()
    with torch.no_grad():
        one, other = type(layer).forward(layer, x), ours(layer, x)
    for module, training in modes.items():
        module.training = training
    return _close(one, other)


def _close(one: Any, other: Any) -> bool:
    return bool((one - other).abs().max() <= _BOUND * one.abs().max().clamp(min=1))


def _turn_in(home: Any) -> int:
    """Replace the rotation of an architecture's module; 1 where it was, else 0."""
    original = getattr(home, "apply_rotary_pos_emb", None)
    if original is None or hasattr(original, "original"):
        return 0

    def turn(q: Any, k: Any, cos: Any, sin: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if args or kwargs or not fit(q, k, cos, sin) or cos.shape[-1] != q.shape[-1]:
            return original(q, k, cos, sin, *args, **kwargs)  # type: ignore[no-any-return]
        where = cos.unsqueeze(2), sin.unsqueeze(2)
        one, two = (Turn.apply(x.transpose(1, 2), *where).transpose(1, 2) for x in (q, k))
        return one, two

    if not _turns_alike(original, turn):
        return 0
    turn.original = original  # type: ignore[attr-defined]
    home.apply_rotary_pos_emb = turn
    return 1


def _turns_alike(original: Any, ours: Any) -> bool:
    """On random states; architectures that turn neighbours, or a part only, keep their own."""
    generator = torch.Generator().manual_seed(1)
    q, k = (torch.randn(2, heads, _ROWS, 8, generator=generator) for heads in (4, 2))
    angles = torch.randn(2, _ROWS, 4, generator=generator).repeat(1, 1, 2)
    try:
        theirs = original(q, k, angles.cos(), angles.sin())
    except (TypeError, RuntimeError):  # another signature
        return False
    return all(map(_close, theirs, ours(q, k, angles.cos(), angles.sin())))

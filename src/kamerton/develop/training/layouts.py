"""Float32 products through oneDNN: the same sums, sooner, on a CPU.

torch multiplies float32 matrices with MKL, which on processors of other makers than Intel leaves
their widest registers unused; oneDNN, which torch brings too, generates its code for what the
processor has. Both are float32: results differ by rounding only. Measured: docs/decisions/0006.

This module imports torch at its top: it is itself imported only when training starts.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch  # noqa: TID253

_WIDE = ("AVX512", "AVX512_VNNI", "AMX")
"""What `torch.backends.cpu` calls processors on which oneDNN was measured to be faster."""


def worthwhile() -> bool:
    """Whether this processor and this build of torch are of the kind that was measured.

    A fact of the machine, not a race between the two: the same run must give the same bytes.
    """
    capability: str = torch.backends.cpu.get_cpu_capability()
    return bool(torch.backends.mkldnn.is_available()) and capability.startswith(_WIDE)


def fit(*tensors: Any) -> bool:
    """Whether all are float32 on a CPU and hold something, outside of autocast."""
    whole = all(one.dtype == torch.float32 and one.numel() for one in tensors)
    return whole and all(one.is_cpu for one in tensors) and not torch.is_autocast_enabled("cpu")


def product(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x` [..., in] times `weight` [out, in] transposed, plus `bias` [out]: [..., out].

    Of a transposed weight (`weight.t()`) no copy is made: oneDNN reads it by its strides.
    """
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def plus(other: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """`other` [..., out] plus `product(x, weight, bias)`, in one pass over the result."""
    return torch.ops.mkldnn._linear_pointwise.binary(x, other, weight, bias, "add")


class Product(torch.autograd.Function):  # type: ignore[misc]
    """A linear layer with `product`, forward and backward; no gradient that nobody asked for."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
        """`x` [..., in], `weight` [out, in], `bias` [out] or None; gives [..., out]."""
        ctx.save_for_backward(x if weight.requires_grad else None, weight)
        return product(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, Any, Any]:
        """Gradients of those of the three that need one."""
        x, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            product(gradient.contiguous(), weight.t()) if of_x else None,
            product(rows.t().contiguous(), x.flatten(0, -2).t()) if of_weight else None,
            rows.sum(0) if of_bias else None,
        )


def _linear(layer: Any, x: Any) -> Any:
    """The forward pass of `torch.nn.Linear`."""
    if fit(x, layer.weight):
        return Product.apply(x, layer.weight, layer.bias)
    return torch.nn.functional.linear(x, layer.weight, layer.bias)


def use(model: Any) -> int:
    """Give every plain linear layer of `model` this product; the number of layers.

    None where it is not `worthwhile`. `undo` takes it back; nothing of it is saved.
    """
    if not worthwhile():
        return 0
    return replace((m for m in model.modules() if type(m) is torch.nn.Linear), _linear)


def replace(layers: Iterable[Any], forward: Callable[..., Any]) -> int:
    """Give each of `layers` another forward pass, `forward(layer, x)`; their number.

    Layers whose forward pass somebody else has replaced (a quantiser, hooks that move weights) are
    left alone.
    """
    count = 0
    for layer in layers:
        if "forward" not in layer.__dict__:
            layer.forward = partial(forward, layer)
            count += 1
    return count


def undo(model: Any, forward: Callable[..., Any] = _linear) -> None:
    """Take back what `replace` did with this `forward`."""
    for layer in model.modules():
        if getattr(layer.__dict__.get("forward"), "func", None) is forward:
            del layer.forward

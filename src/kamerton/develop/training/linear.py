"""Linear layers and LoRA through oneDNN: the same float32 sums, sooner, on a CPU.

torch multiplies float32 matrices with MKL, which on processors of other makers than Intel leaves
their widest registers unused; oneDNN, which torch brings too, generates its code for what the
processor has. Both are float32: results differ by rounding only. Measured: docs/decisions/0006.

peft computes LoRA as `base(x) + B(A(x)) * scale`: the update and the scaled update are tensors of
their own, written and read again, and each is kept for the backward pass. Here the scale goes to
the small matrix B, the update is the accumulator of the large product, and the gradient of x is
one chain of the same form:

    low = x Aᵀ        y  = low (sB)ᵀ + x Wᵀ
    g_l = g (sB)      ∂x = g_l A + g W      ∂A = g_lᵀ x      ∂B = s gᵀ low

W is frozen and gets no gradient. The algebra is that of Unsloth's `fast_lora`
(github.com/unslothai/unsloth), without its kernels for GPUs. Exact but for rounding.

This module imports torch at its top: it is itself imported only when training starts.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch  # noqa: TID253

from kamerton.engines.batched.model import onednn_pays


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
    """A linear layer with `product`, forward and backward; only the gradients that are needed."""

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

    None where it is no faster. `undo` takes it back; nothing of it is saved.
    """
    if not onednn_pays():
        return 0
    return replace((m for m in model.modules() if type(m) is torch.nn.Linear), _linear)


def undo(model: Any) -> None:
    """Torch's own forward passes again."""
    put_back(model, _linear)


def replace(layers: Iterable[Any], forward: Callable[..., Any]) -> int:
    """Give each of `layers` another forward pass, `forward(layer, x)`; their number.

    Layers whose forward pass is replaced already (by a quantiser, by hooks that move weights) are
    left alone.
    """
    count = 0
    for layer in layers:
        if "forward" not in layer.__dict__:
            layer.forward = partial(forward, layer)
            count += 1
    return count


def put_back(model: Any, forward: Callable[..., Any]) -> None:
    """Undo what `replace` did with this `forward`."""
    for layer in model.modules():
        if getattr(layer.__dict__.get("forward"), "func", None) is forward:
            del layer.forward


class LowRank(torch.autograd.Function):  # type: ignore[misc]
    """A frozen linear layer and its low-rank update as one operation."""

    @staticmethod
    def forward(
        ctx: Any, x: Any, weight: Any, bias: Any, first: Any, second: Any, scale: float
    ) -> Any:
        """`x` [..., in], `weight` [out, in], `first` A [r, in], `second` B [out, r]."""
        low = product(x, first)
        ctx.save_for_backward(x, weight, first, second, low)
        ctx.scale = scale
        return plus(product(low, second * scale), x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:
        """Gradients of x, where it needs one, of A and of B."""
        x, weight, first, second, low = ctx.saved_tensors
        gradient = gradient.contiguous()
        back = product(gradient, (second * ctx.scale).t())
        rows, inputs = gradient.flatten(0, -2), x.flatten(0, -2)
        # [..., r] is copied to [r, all]: oneDNN is four times faster on the thin matrix so.
        of_first = product(back.flatten(0, -2).t().contiguous(), inputs.t())
        of_second = product(low.flatten(0, -2).t().contiguous(), rows.t()).t() * ctx.scale
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = plus(product(back, first.t()), gradient, weight.t())
        return of_x, None, None, of_first, of_second, None


def use_lora(model: Any) -> int:
    """Give the LoRA layers of `model` (peft's, on plain linear layers) this algebra; their number.

    None where oneDNN is no faster. A layer goes peft's own way whenever it is more than a
    frozen layer and one adapter: another variant (DoRA), dropout in training, several adapters,
    merged or disabled ones, biases of adapters, other types than float32.
    """
    from peft.tuners.lora.layer import Linear

    if not onednn_pays():
        return 0
    layers = (m for m in model.modules() if type(m) is Linear)
    return replace((m for m in layers if type(m.base_layer) is torch.nn.Linear), _adapted)


def undo_lora(model: Any) -> None:
    """Peft's own forward passes again."""
    put_back(model, _adapted)


def _adapted(layer: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The forward pass of peft's LoRA layer."""
    if args or kwargs or not _plain(layer, x):
        return type(layer).forward(layer, x, *args, **kwargs)
    name = layer.active_adapters[0]
    first, second = layer.lora_A[name].weight, layer.lora_B[name].weight
    base = layer.base_layer
    return LowRank.apply(x, base.weight, base.bias, first, second, layer.scaling[name])


def _plain(layer: Any, x: Any) -> bool:
    """Whether it is now a frozen layer and one adapter, and nothing else."""
    names = layer.active_adapters
    if layer.disable_adapters or layer.merged or len(names) != 1 or layer.lora_variant:
        return False
    name, base = names[0], layer.base_layer
    if name not in layer.lora_A or base.weight.requires_grad or layer.lora_B[name].bias is not None:
        return False
    if base.bias is not None and base.bias.requires_grad:
        return False
    dropout = layer.lora_dropout[name]
    active = dropout.training and getattr(dropout, "p", 0.0) > 0
    return not active and fit(x, base.weight, layer.lora_A[name].weight)

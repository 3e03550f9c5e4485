"""LoRA's algebra in three products forward and five backward, with nothing kept but the inputs.

peft computes `base(x) + B(A(x)) * scale` as it is written: the update and the scaled update are
tensors of their own, written and read again, and each is kept for the backward pass. Here the scale
goes to the small matrix B, the update is the accumulator of the large product, and the gradient of
x is one chain of the same form:

    low = x Aᵀ        y  = low (sB)ᵀ + x Wᵀ
    g_l = g (sB)      ∂x = g_l A + g W      ∂A = g_lᵀ x      ∂B = s gᵀ low

W is frozen and gets no gradient. The algebra is that of Unsloth's `fast_lora`
(github.com/unslothai/unsloth), without its kernels for GPUs. Exact but for rounding.

This module imports torch at its top: it is itself imported only when training starts.
"""

from typing import Any

import torch  # noqa: TID253

from kamerton.develop.training.layouts import fit, plus, product, replace, worthwhile
from kamerton.develop.training.layouts import undo as _undo


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
        # The thin matrix is copied into rows: oneDNN is four times faster on it so.
        of_first = product(_thin(back), inputs.t())
        of_second = product(_thin(low), rows.t()).t() * ctx.scale
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = plus(product(back, first.t()), gradient, weight.t())
        return of_x, None, None, of_first, of_second, None


def _thin(low: Any) -> Any:
    """[..., r] as [r, all]."""
    return low.flatten(0, -2).t().contiguous()


def use(model: Any) -> int:
    """Give the LoRA layers of `model` (peft's, on plain linear layers) this algebra; their number.

    None where oneDNN is not worthwhile. A layer goes peft's own way whenever it is more than a
    frozen layer and one adapter: another variant (DoRA), dropout in training, several adapters,
    merged or disabled ones, biases of adapters, other types than float32. `undo` takes it back.
    """
    from peft.tuners.lora.layer import Linear

    if not worthwhile():
        return 0
    return replace((m for m in model.modules() if _could(m, Linear)), _adapted)


def undo(model: Any) -> None:
    """Peft's own forward passes again."""
    _undo(model, _adapted)


def _could(layer: Any, kind: Any) -> bool:
    return type(layer) is kind and type(layer.base_layer) is torch.nn.Linear


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

"""Attention over parts that lie apart: exact, since softmax parts join by their normalisers.

A row (one new token) attends to some shared nodes and to what is its own. Each part gives its
output and the logarithm of its normaliser; two parts join as in FlashAttention (Dao et al. 2022,
arXiv:2205.14135) and in attention over shared prefixes (Juravsky et al. 2024, arXiv:2402.05099).
So the keys of a prefix are read once for all rows, and not once for each.

Shapes: H heads, K key-value heads, G = H / K, D head dimension, T new tokens, A running answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kamerton.engines.batching.requests import Score

NAME = "kamerton_batched"
"""The name under which transformers knows `attend`."""


@dataclass(eq=False)
class Node:
    """Tokens that several prompts have in common, with their keys and values."""

    ids: tuple[int, ...]
    start: int
    """Position of the first token."""
    kv: Any
    """[layers, 2, K, tokens, D]"""
    children: list["Node"] = field(default_factory=list)
    used: int = 0
    """When it was last of use, on the tree's clock."""
    scores: tuple["Score | None", ...] = ()
    """Of each token, where it was scored; of the very first token of a prompt there is none."""
    short: "Node | None" = None
    """The same without its last token, where that was needed (`scoring`)."""


Group = tuple[Node, Any]
"""A node, and the rows [R] that attend to it; None: all rows."""


class Step(Protocol):
    """One pass through the model: keeps the new keys and values, and attends to all."""

    def attend(self, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        """`q` [1, H, T, D], `k` and `v` [1, K, T, D]; gives [1, T, H, D]."""


def attend(
    module: Any, q: Any, k: Any, v: Any, mask: Any, scaling: float, **given: Any
) -> tuple[Any, None]:
    """The attention function that transformers calls; the step comes with the model's call."""
    step: Step = given["kamerton_step"]
    return step.attend(module.layer_idx, q, k, v, scaling), None


def part(q: Any, k: Any, v: Any, scale: float, mask: Any = None, causal: bool = False) -> Any:
    """Output [B, H, T, D] and log-normaliser [B, H, T] of one part."""
    import torch

    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return flash(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)


def joined(one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two parts as one: outputs [..., D] weighted by their normalisers [...]."""
    import torch

    # lerp(a, b, w) = a + w (b - a), where w = e^b / (e^a + e^b).
    share = torch.sigmoid(other[1] - one[1])
    both = torch.logaddexp(one[1], other[1])
    return torch.lerp(one[0], other[0], share.unsqueeze(-1)), both


@dataclass
class Piece:
    """New tokens of one prompt in a packed pass: [start, end) of it, behind `nodes`."""

    start: int
    end: int
    nodes: tuple[Node, ...]


@dataclass
class Prefill:
    """Pieces of prompts, packed one behind the other; each sees itself and its own nodes only."""

    pieces: Sequence[Piece]
    groups: Sequence[Group]
    kv: Any
    """[layers, 2, K, T, D], filled layer by layer."""

    def attend(self, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        """See `Step`."""
        self.kv[layer, 0], self.kv[layer, 1] = k[0], v[0]
        out, norm = self._own(q, k, v, scale)
        for node, rows in self.groups:
            out, norm = self._with_node(node.kv[layer], rows, q, (out, norm), scale)
        return out.transpose(0, 1)[None]

    def _own(self, q: Any, k: Any, v: Any, scale: float) -> tuple[Any, Any]:
        """Each piece with itself: output [H, T, D] and normaliser [H, T]."""
        import torch

        times = q.shape[1] // k.shape[1]
        k, v = (x.repeat_interleave(times, 1) for x in (k, v))
        parts = []
        for one in self.pieces:
            mine, keys, values = (x[:, :, one.start : one.end] for x in (q, k, v))
            parts.append(part(mine, keys, values, scale, causal=True))
        return torch.cat([p[0][0] for p in parts], 1), torch.cat([p[1][0] for p in parts], 1)

    def _with_node(
        self, kv: Any, rows: Any, q: Any, found: tuple[Any, Any], scale: float
    ) -> tuple[Any, Any]:
        heads, kept, size = q.shape[1], kv.shape[1], q.shape[3]
        mine = q[0] if rows is None else q[0, :, rows]
        out, norm = part(mine.reshape(1, kept, -1, size), kv[0][None], kv[1][None], scale)
        other = out.reshape(heads, -1, size), norm.reshape(heads, -1)
        if rows is None:
            return joined(found, other)
        both = joined((found[0][:, rows], found[1][:, rows]), other)
        found[0][:, rows], found[1][:, rows] = both
        return found


@dataclass
class Decode:
    """One token more for each running answer."""

    kv: Any
    """[layers, 2, slots, K, room, D]: what is each answer's own; the first A slots are running."""
    places: Any
    """[A]: where each answer's new token goes, which is how many tokens of its own it has."""
    mask: Any
    """[A, 1, 1, longest]: 0 up to and with the new token, -inf behind it."""
    rows: Any
    """[A]: 0, 1, 2, …"""
    groups: Sequence[Group]

    def attend(self, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        """See `Step`."""
        kept, count, size = k.shape[1], len(self.places), q.shape[3]
        keys, values = self.kv[layer, 0], self.kv[layer, 1]
        keys[self.rows, :, self.places] = k[0].transpose(0, 1)
        values[self.rows, :, self.places] = v[0].transpose(0, 1)
        own = q[0].transpose(0, 1).reshape(count, kept, -1, size)
        longest = self.mask.shape[-1]
        found = part(own, keys[:count, :, :longest], values[:count, :, :longest], scale, self.mask)
        for node, rows in self.groups:
            found = _joined_node(node.kv[layer], rows, own, found, scale)
        return found[0].reshape(1, count, -1, size)


def _joined_node(
    kv: Any, rows: Any, own: Any, found: tuple[Any, Any], scale: float
) -> tuple[Any, Any]:
    """`own` [A, K, G, D] of `rows` with a node, joined with what was `found`."""
    mine = own if rows is None else own[rows]
    count, kept, group, size = mine.shape
    packed = mine.transpose(0, 1).reshape(1, kept, -1, size)
    out, norm = part(packed, kv[0][None], kv[1][None], scale)
    other = (
        out.reshape(kept, count, group, size).transpose(0, 1),
        norm.reshape(kept, count, group).transpose(0, 1),
    )
    if rows is None:
        return joined(found, other)
    out, norm = found
    out[rows], norm[rows] = joined((out[rows], norm[rows]), other)
    return out, norm

"""Attention over parts that lie apart: exact, since softmax parts join by their normalisers.

A row (one new token) attends to some shared nodes and to what is its own. Each part gives its
output and the logarithm of its normaliser; two parts join as in FlashAttention (Dao et al. 2022,
arXiv:2205.14135) and in attention over shared prefixes (Juravsky et al. 2024, arXiv:2402.05099).
So the keys of a prefix are read once for all rows, and not once for each.

Shapes: H heads, K key-value heads, G = H / K, D head dimension, T new tokens, A running answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.engines.batched.kv_cache import PrefixNode

NAME = "kamerton_batched"
"""The name under which transformers knows `attend`."""


NodeRows = tuple[PrefixNode, Any]
"""A node, and the rows [R] that attend to it; None: all rows."""


def attend(
    module: Any, q: Any, k: Any, v: Any, mask: Any, scaling: float, **given: Any
) -> tuple[Any, None]:
    """The attention function that transformers calls; the step comes with the model's call."""
    step: PrefillStep | DecodeStep = given["kamerton_step"]
    return step.attend(module.layer_idx, q, k, v, scaling), None


def partial_attention(
    q: Any, k: Any, v: Any, scale: float, mask: Any = None, causal: bool = False
) -> Any:
    """Output [B, H, T, D] and log-normaliser [B, H, T] of one part."""
    import torch

    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return flash(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)


def merged(one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two parts as one: outputs [..., D] weighted by their normalisers [...]."""
    import torch

    # lerp(a, b, w) = a + w (b - a), where w = e^b / (e^a + e^b).
    share = torch.sigmoid(other[1] - one[1])
    both = torch.logaddexp(one[1], other[1])
    return torch.lerp(one[0], other[0], share.unsqueeze(-1)), both


@dataclass
class Segment:
    """New tokens of one prompt in a packed pass: [start, end) of it, behind `nodes`."""

    start: int
    end: int
    nodes: tuple[PrefixNode, ...]


@dataclass
class PrefillStep:
    """Segments of prompts, packed one behind the other; each sees itself and its own nodes only."""

    segments: Sequence[Segment]
    node_rows: Sequence[NodeRows]
    kv: Any
    """[layers, 2, K, T, D], filled layer by layer."""

    def attend(self, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        """Keep new keys and values; `q` [1, H, T, D], `k`, `v` [1, K, T, D] to [1, T, H, D]."""
        self.kv[layer, 0], self.kv[layer, 1] = k[0], v[0]
        out, norm = self._with_itself(q, k, v, scale)
        for node, rows in self.node_rows:
            out, norm = self._with_node(node.kv[layer], rows, q, (out, norm), scale)
        return out.transpose(0, 1)[None]

    def _with_itself(self, q: Any, k: Any, v: Any, scale: float) -> tuple[Any, Any]:
        """Each segment with itself: output [H, T, D] and normaliser [H, T]."""
        import torch

        times = q.shape[1] // k.shape[1]
        k, v = (x.repeat_interleave(times, 1) for x in (k, v))
        parts = []
        for one in self.segments:
            mine, keys, values = (x[:, :, one.start : one.end] for x in (q, k, v))
            parts.append(partial_attention(mine, keys, values, scale, causal=True))
        return torch.cat([p[0][0] for p in parts], 1), torch.cat([p[1][0] for p in parts], 1)

    def _with_node(
        self, kv: Any, rows: Any, q: Any, so_far: tuple[Any, Any], scale: float
    ) -> tuple[Any, Any]:
        heads, kv_heads, size = q.shape[1], kv.shape[1], q.shape[3]
        mine = q[0] if rows is None else q[0, :, rows]
        out, norm = partial_attention(
            mine.reshape(1, kv_heads, -1, size), kv[0][None], kv[1][None], scale
        )
        other = out.reshape(heads, -1, size), norm.reshape(heads, -1)
        if rows is None:
            return merged(so_far, other)
        both = merged((so_far[0][:, rows], so_far[1][:, rows]), other)
        so_far[0][:, rows], so_far[1][:, rows] = both
        return so_far


@dataclass
class DecodeStep:
    """One token more for each running answer."""

    kv: Any
    """[layers, 2, slots, K, room, D]: what is each answer's own; the first A slots are running."""
    positions: Any
    """[A]: where each answer's new token goes, which is how many tokens of its own it has."""
    mask: Any
    """[A, 1, 1, longest]: 0 up to and with the new token, -inf behind it."""
    rows: Any
    """[A]: 0, 1, 2, …"""
    node_rows: Sequence[NodeRows]

    def attend(self, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        """As `PrefillStep.attend`."""
        kv_heads, count, size = k.shape[1], len(self.positions), q.shape[3]
        keys, values = self.kv[layer, 0], self.kv[layer, 1]
        keys[self.rows, :, self.positions] = k[0].transpose(0, 1)
        values[self.rows, :, self.positions] = v[0].transpose(0, 1)
        queries = q[0].transpose(0, 1).reshape(count, kv_heads, -1, size)
        longest = self.mask.shape[-1]
        so_far = partial_attention(
            queries, keys[:count, :, :longest], values[:count, :, :longest], scale, self.mask
        )
        for node, rows in self.node_rows:
            so_far = _merged_with_node(node.kv[layer], rows, queries, so_far, scale)
        return so_far[0].reshape(1, count, -1, size)


def _merged_with_node(
    kv: Any, rows: Any, queries: Any, so_far: tuple[Any, Any], scale: float
) -> tuple[Any, Any]:
    """`queries` [A, K, G, D] of `rows` with a node, merged with what it gave `so_far`."""
    mine = queries if rows is None else queries[rows]
    count, kv_heads, group, size = mine.shape
    packed = mine.transpose(0, 1).reshape(1, kv_heads, -1, size)
    out, norm = partial_attention(packed, kv[0][None], kv[1][None], scale)
    other = (
        out.reshape(kv_heads, count, group, size).transpose(0, 1),
        norm.reshape(kv_heads, count, group).transpose(0, 1),
    )
    if rows is None:
        return merged(so_far, other)
    out, norm = so_far
    out[rows], norm[rows] = merged((out[rows], norm[rows]), other)
    return out, norm

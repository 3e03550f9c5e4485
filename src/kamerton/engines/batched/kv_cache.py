"""Keys and values: a radix tree of shared prefixes, and a slot for what is each answer's own."""

import itertools
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kamerton.engines.batched.requests import TokenScore

MIN_SHARED = 32
"""Fewer tokens in common are not worth a node: each one is a product more in every layer."""
_STEP = 64
"""Tokens to which the room of slots is rounded up."""


@dataclass(eq=False)
class PrefixNode:
    """Tokens that several prompts have in common, with their keys and values."""

    ids: tuple[int, ...]
    start: int
    """Position of the first token."""
    kv: Any
    """[layers, 2, K, tokens, D]"""
    children: list["PrefixNode"] = field(default_factory=list)
    used: int = 0
    """When it was last of use, on the tree's clock."""
    scores: tuple["TokenScore | None", ...] = ()
    """Of each token, where it was scored; of the very first token of a prompt there is none."""
    short: "PrefixNode | None" = None
    """The same without its last token, where that was needed (`prefill`)."""


class PrefixTree:
    """Nodes that prompts went through; those unused for longest are dropped beyond `most` tokens.

    A running answer holds its own nodes: what is dropped or cut here changes nothing for it.
    """

    def __init__(self, most: int = 16_384) -> None:
        self.roots: list[PrefixNode] = []
        self._limit, self._clock = most, itertools.count(1)

    def path(self, ids: Sequence[int]) -> tuple[PrefixNode, ...]:
        """The nodes that a prompt begins with, at least one of its tokens left over.

        Where a prompt leaves a node half way, the node is cut in two at that place.
        """
        path: list[PrefixNode] = []
        level, at = self.roots, 0
        while True:
            hits = [(node, common_prefix(node.ids, ids[at:-1])) for node in level]
            # A node used whole is used however short it is; one to be cut must be worth it.
            good = [(n, c) for n, c in hits if c and (c == len(n.ids) or c >= MIN_SHARED)]
            if not good:
                return tuple(path)
            node, count = max(good, key=lambda hit: hit[1])
            if count < len(node.ids):
                node = split_node(level, node, count)
            node.used = next(self._clock)
            path.append(node)
            level, at = node.children, at + count

    def add(self, path: Sequence[PrefixNode], node: PrefixNode) -> None:
        """Put a node behind a path."""
        (path[-1].children if path else self.roots).append(node)
        node.used = next(self._clock)
        while sum(len(node.ids) for _, node in self._all(self.roots)) > self._limit:
            leaves = [(level, node) for level, node in self._all(self.roots) if not node.children]
            level, oldest = min(leaves, key=lambda leaf: leaf[1].used)
            level.remove(oldest)

    def _all(self, level: list[PrefixNode]) -> Iterable[tuple[list[PrefixNode], PrefixNode]]:
        for node in level:
            yield level, node
            yield from self._all(node.children)


def size(path: Sequence[PrefixNode]) -> int:
    """Tokens of a path."""
    return sum(len(node.ids) for node in path)


def split_node(level: list[PrefixNode], node: PrefixNode, count: int) -> PrefixNode:
    """Put two nodes in the place of one, the first with `count` tokens; the first one.

    The one that was there stays whole: answers that run hold it.
    """
    rest = PrefixNode(node.ids[count:], node.start + count, node.kv[..., count:, :], node.children)
    first = PrefixNode(node.ids[:count], node.start, node.kv[..., :count, :], [rest])
    first.scores, rest.scores = node.scores[:count], node.scores[count:]
    first.used = rest.used = node.used
    level[level.index(node)] = first
    return first


def best_prefix(ids: Sequence[int], cached: int, others: Iterable[Sequence[int]]) -> int:
    """Up to which token a prompt should get a node, of which `cached` tokens have one already.

    The place at which most tokens of `others` are saved; `cached` where nothing is. Equal prompts
    do not count: they are computed once anyway.
    """
    shared = [common_prefix(ids, other) for other in others if tuple(other) != tuple(ids)]
    places = {c for c in shared if c - cached >= MIN_SHARED and c < len(ids)}
    saved = {c: (c - cached) * sum(other >= c for other in shared) for c in places}
    return max(saved, key=lambda c: (saved[c], c), default=cached)


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common at their beginning."""
    a, b = array("q", one), array("q", other)
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


class KVSlots:
    """[layers, 2, slots, K, room, D]: room for each running answer's own tokens.

    `release` keeps the used slots side by side by moving the last one, so that a step reads one
    piece of memory without gaps.
    """

    def __init__(self, count: int) -> None:
        """At most `count` answers at a time; memory is taken when the first one begins."""
        self.count, self.used = count, 0
        self.kv: Any = None
        self.lengths: list[int] = []

    @property
    def free(self) -> int:
        """How many answers more there is room for."""
        return self.count - self.used

    def take(self, kv: Any, more: int) -> int:
        """A slot that begins with a copy of `kv` [layers, 2, K, tokens, D]; its number.

        `more` is for how many tokens it must have room beside those.
        """
        length = kv.shape[-2]
        self._grow(kv, length + more)
        self.kv[:, :, self.used, :, :length] = kv
        self.lengths.append(length)
        self.used += 1
        return self.used - 1

    def release(self, slot: int) -> int:
        """Free a slot; the number of the one that was moved into its place (itself for none)."""
        last = self.used - 1
        if slot != last:
            length = self.lengths[slot] = self.lengths[last]
            self.kv[:, :, slot, :, :length] = self.kv[:, :, last, :, :length]
        self.lengths.pop()
        self.used = last
        return last

    def _grow(self, like: Any, room: int) -> None:
        """At least `room` tokens in each slot; `like` tells layers, heads and size."""
        if self.kv is not None and self.kv.shape[-2] >= room:
            return
        import numpy as np
        import torch

        rounded = -(-room // _STEP) * _STEP
        layers, _, kv_heads, _, size = like.shape
        # Zeros: what the mask hides is multiplied by 0, and 0 times garbage may be no number.
        # NumPy's are pages that the system gives when they are first written, so that room for
        # the longest answer costs nothing as long as answers are short; torch writes them at once.
        fresh = torch.from_numpy(
            np.zeros((layers, 2, self.count, kv_heads, rounded, size), dtype=np.float32)
        )
        if self.kv is not None:
            longest = max(self.lengths, default=0)
            old = self.kv[:, :, : self.used, :, :longest]
            fresh[:, :, : self.used, :, :longest] = old
        self.kv = fresh

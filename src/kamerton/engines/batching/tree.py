"""Which tokens prompts have in common: a radix tree, whose nodes keep their keys and values."""

import itertools
from array import array
from collections.abc import Iterable, Sequence

from kamerton.engines.batching.attention import Node

LEAST = 32
"""Fewer tokens in common are not worth a node: each one is a product more in every layer."""


class Tree:
    """Nodes that prompts went through; those unused for longest are dropped beyond `most` tokens.

    A running answer holds its own nodes: what is dropped or cut here changes nothing for it.
    """

    def __init__(self, most: int = 16_384) -> None:
        self.roots: list[Node] = []
        self._most, self._clock = most, itertools.count(1)

    def path(self, ids: Sequence[int]) -> tuple[Node, ...]:
        """The nodes that a prompt begins with, at least one of its tokens left over.

        Where a prompt leaves a node half way, the node is cut in two at that place.
        """
        found: list[Node] = []
        level, at = self.roots, 0
        while (hit := self._best(level, ids[at:-1])) is not None:
            node, count = hit
            if count < len(node.ids):
                node = split(level, node, count)
            node.used = next(self._clock)
            found.append(node)
            level, at = node.children, at + count
        return tuple(found)

    @staticmethod
    def _best(level: Iterable[Node], ids: Sequence[int]) -> tuple[Node, int] | None:
        hits = [(node, common(node.ids, ids)) for node in level]
        # A node used whole is used however short it is; one to be cut must be worth it.
        good = [(n, c) for n, c in hits if c and (c == len(n.ids) or c >= LEAST)]
        return max(good, key=lambda hit: hit[1], default=None)

    def add(self, path: Sequence[Node], node: Node) -> None:
        """Put a node behind a path."""
        (path[-1].children if path else self.roots).append(node)
        node.used = next(self._clock)
        self._shrink()

    def _shrink(self) -> None:
        while sum(len(node.ids) for _, node in self._all(self.roots)) > self._most:
            leaves = [(level, node) for level, node in self._all(self.roots) if not node.children]
            level, oldest = min(leaves, key=lambda leaf: leaf[1].used)
            level.remove(oldest)

    def _all(self, level: list[Node]) -> Iterable[tuple[list[Node], Node]]:
        for node in level:
            yield level, node
            yield from self._all(node.children)


def size(path: Sequence[Node]) -> int:
    """Tokens of a path."""
    return sum(len(node.ids) for node in path)


def split(level: list[Node], node: Node, count: int) -> Node:
    """Put two nodes in the place of one, the first with `count` tokens; the first one.

    The one that was there stays whole: answers that run hold it.
    """
    rest = Node(node.ids[count:], node.start + count, node.kv[..., count:, :], node.children)
    first = Node(node.ids[:count], node.start, node.kv[..., :count, :], [rest])
    first.scores, rest.scores = node.scores[:count], node.scores[count:]
    first.used = rest.used = node.used
    level[level.index(node)] = first
    return first


def worth(ids: Sequence[int], known: int, others: Iterable[Sequence[int]]) -> int:
    """Up to which token a prompt should get a node, of which `known` tokens have one already.

    The place at which most tokens of `others` are saved; `known` where nothing is. Equal prompts
    do not count: they are computed once anyway.
    """
    shared = [common(ids, other) for other in others if tuple(other) != tuple(ids)]
    places = {c for c in shared if c - known >= LEAST and c < len(ids)}
    saved = {c: (c - known) * sum(other >= c for other in shared) for c in places}
    return max(saved, key=lambda c: (saved[c], c), default=known)


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common at their beginning."""
    a, b = array("q", one), array("q", other)
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low

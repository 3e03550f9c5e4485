"""The keys and values of running answers: one slot each, the running ones always in front."""

from typing import Any

_STEP = 64
"""Tokens to which the room of slots is rounded up."""


class Slots:
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
        layers, _, kept, _, size = like.shape
        # Zeros: what the mask hides is multiplied by 0, and 0 times garbage may be no number.
        # NumPy's are pages that the system gives when they are first written, so that room for
        # the longest answer costs nothing as long as answers are short; torch writes them at once.
        fresh = torch.from_numpy(
            np.zeros((layers, 2, self.count, kept, rounded, size), dtype=np.float32)
        )
        if self.kv is not None:
            longest = max(self.lengths, default=0)
            old = self.kv[:, :, : self.used, :, :longest]
            fresh[:, :, : self.used, :, :longest] = old
        self.kv = fresh

"""Rows to batches: rows of like length together, the same order whenever a run is resumed.

This module imports torch at its top: it is itself imported only when training starts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch  # noqa: TID253
from torch.nn.utils.rnn import pad_sequence  # noqa: TID253
from torch.utils.data import Sampler  # noqa: TID253

from kamerton.develop.training.checks import Encoded

_EPOCH_SEEDS = 1_000_003
"""Seeds of two runs do not meet within so many epochs."""


class Batches(Sampler[list[int]]):  # type: ignore[misc]
    """Indices of the rows that are in memory together; `parts` of them make an optimiser step.

    Batches hold rows of like length, the longest first (where memory runs out, it does so at
    once). Their order follows from seed and epoch alone, not from the state of a generator, so
    that a run resumed within an epoch sees the rows that are left, and no others. A batch is cut
    into parts of at most `micro_batch_size`: which rows share a step does not depend on that.
    """

    drop_last = False

    def __init__(
        self, lengths: Sequence[int], batch_size: int, micro_batch_size: int, seed: int
    ) -> None:
        """`lengths`: tokens of each row."""
        self._lengths, self._step, self._seed, self._epoch = list(lengths), batch_size, seed, 0
        self.parts = -(-batch_size // micro_batch_size)
        self.batch_size = -(-batch_size // self.parts)  # parts of like size

    def set_epoch(self, epoch: int) -> None:
        """The epoch, from 0, that the next pass belongs to."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Parts of an epoch."""
        whole, rest = divmod(len(self._lengths), self._step)
        return whole * self.parts + -(-rest // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """One pass over all rows."""
        from transformers.trainer_pt_utils import get_length_grouped_indices

        generator = torch.Generator().manual_seed(self._seed * _EPOCH_SEEDS + self._epoch)
        order = get_length_grouped_indices(self._lengths, self._step, generator=generator)
        for start in range(0, len(order), self._step):
            batch = order[start : start + self._step]
            for part in range(0, len(batch), self.batch_size):
                yield batch[part : part + self.batch_size]


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows padded on the right: input_ids, attention_mask, supervised, each [rows, longest]."""
    ids = [torch.tensor(row["input_ids"]) for row in rows]
    columns = {
        "input_ids": ids,
        "attention_mask": [torch.ones_like(row) for row in ids],
        "supervised": [torch.tensor(row["supervised"], dtype=torch.bool) for row in rows],
    }
    return {name: pad_sequence(tensors, batch_first=True) for name, tensors in columns.items()}


def columns(rows: Sequence[Encoded]) -> list[dict[str, Any]]:
    """Rows as collations take them."""
    return [{"input_ids": row.ids, "supervised": row.supervised} for row in rows]


def on_device(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """A batch where the model is."""
    return {name: value.to(model.device) for name, value in batch.items()}


def targets(batches: Sequence[dict[str, Any]]) -> Any:
    """Supervised tokens of an optimiser step's batches, what its loss is divided by, []."""
    return sum(batch["supervised"][:, 1:].sum() for batch in batches)

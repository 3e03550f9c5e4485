"""Packed rows as a training set: what is a target, and where a document begins.

A row is runs "BOS tokens EOS", then padding. Every token of a run but its BOS is a target;
padding never is. Positions restart with each run, which is how attention knows its documents.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint16]

TRAIN, HELD_OUT, TOKENIZER = "train.npy", "held_out.npy", "tokenizer"
NO_TARGET = -100
"""The label of what is not learnt, as everywhere in transformers."""
_CHUNK = 4096
"""Rows that are looked at together where the whole file would fill memory."""


@dataclass(frozen=True)
class Marks:
    """Token ids of BOS, EOS and padding."""

    bos: int
    eos: int
    pad: int


@dataclass(frozen=True)
class Rows:
    """A file of packed rows, memory-mapped; a dataset for transformers' Trainer."""

    ids: "Ids"
    """[rows, context]"""
    marks: Marks

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """One row: its place as "id", and its token ids [context]."""
        return {"id": str(place), "input_ids": self.ids[place]}


def load_tokenizer(data: Path) -> Any:
    """The corpus's own tokenizer with its chat template; InputError where it is not whole."""
    from transformers import AutoTokenizer

    from kamerton.formats import templates

    folder = data / TOKENIZER
    if not (folder / "tokenizer.json").is_file():
        raise InputError("formats.file_missing", where=str(folder / "tokenizer.json"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name in ("bos_token", "eos_token", "pad_token"):
        if getattr(tokenizer, name) is None:
            raise InputError("develop.pretrain_no_mark", where=str(folder), name=name)
    if not tokenizer.chat_template:
        tokenizer.chat_template = templates.read("chatml")
    return tokenizer


def load(path: Path, tokenizer: Any) -> Rows:
    """The rows of a file: uint16 [rows, context]; InputError where it is another thing."""
    import numpy as np

    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    try:
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError("develop.pretrain_no_rows", where=str(path)) from error
    if ids.dtype != np.uint16 or ids.ndim != 2 or not ids.size or ids.shape[1] < 2:
        raise InputError("develop.pretrain_no_rows", where=str(path))
    bos, eos, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = Rows(ids, Marks(bos, eos, pad))
    _check(rows, path, len(tokenizer))
    return rows


def _check(rows: Rows, path: Path, size: int) -> None:
    """InputError where a token is outside the vocabulary, or a row does not begin a run."""
    for start in range(0, len(rows), _CHUNK):
        part = rows.ids[start : start + _CHUNK]
        largest = int(part.max())
        if largest >= size:
            raise InputError(
                "develop.pretrain_other_tokenizer", where=str(path), token=largest, size=size
            )
        wrong = (part[:, 0] != rows.marks.bos).nonzero()[0]
        if len(wrong):
            raise InputError(
                "develop.pretrain_no_beginning", where=str(path), row=start + int(wrong[0])
            )


def targets(rows: Rows) -> int:
    """Tokens that are learnt in one pass: of each run all but its BOS."""
    return _count(rows, (rows.marks.bos, rows.marks.pad))


def tokens(rows: Rows) -> int:
    """Tokens of the texts, without BOS, EOS and padding."""
    return _count(rows, (rows.marks.bos, rows.marks.eos, rows.marks.pad))


def _count(rows: Rows, without: tuple[int, ...]) -> int:
    import numpy as np

    parts = (rows.ids[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))
    return sum(int(np.isin(part, without, invert=True).sum()) for part in parts)


def collate(rows: Sequence[dict[str, Any]], marks: Marks) -> dict[str, Any]:
    """One batch: input_ids, position_ids and labels, each [rows, longest], of torch.int64.

    `labels` stand where their token stands; the loss moves them by one, as in transformers.
    """
    import torch

    listed = [torch.tensor(row["input_ids"], dtype=torch.int64) for row in rows]
    ids = torch.nn.utils.rnn.pad_sequence(listed, batch_first=True, padding_value=marks.pad)
    unlearnt = (ids == marks.bos) | (ids == marks.pad)
    return {
        "input_ids": ids,
        "position_ids": positions(ids, marks.bos),
        "labels": ids.masked_fill(unlearnt, NO_TARGET),
    }


def positions(ids: Any, bos: int) -> Any:
    """Places of tokens in their run: 0 at each BOS; `ids` and result [rows, length].

    Padding goes on counting: it follows the last run, and no token of a run sees it.
    """
    import torch

    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    began = torch.where(ids == bos, places, torch.zeros_like(places)).cummax(dim=1).values
    return places - began


def batch_targets(batches: Sequence[dict[str, Any]]) -> Any:
    """Targets of several batches together, a tensor []: what a step's loss is divided by."""
    return sum((batch["labels"][:, 1:] != NO_TARGET).sum() for batch in batches)


def packed_logits(model: Any, marks: Marks) -> Callable[[Sequence[Sequence[int]]], Any]:
    """Logits [tokens, vocabulary] of documents in one row, each after its BOS, for `checks`."""

    def logits(documents: Sequence[Sequence[int]]) -> Any:
        runs = [[marks.bos, *ids] for ids in documents]
        kept = [place > 0 for run in runs for place in range(len(run))]
        batch = collate([{"input_ids": [token for run in runs for token in run]}], marks)
        batch.pop("labels")
        return model(**batch, use_cache=False).logits[0][kept]

    return logits

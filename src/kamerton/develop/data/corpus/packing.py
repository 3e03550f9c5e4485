"""The corpus as rows of token ids, all of one context length.

A passage (the text between two gaps) is cut into runs that leave room for their marks of beginning
and end; runs that do not fill a row share one, so that no token is lost and few are padding.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.data.corpus.encoding import EncodedText
from kamerton.develop.data.corpus.tokenizer import BOS, EOS, PAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint16]


@dataclass(frozen=True)
class Packed:
    """What was packed into one file of rows."""

    rows: int
    tokens: int
    """Of the texts, without marks and padding."""
    padding: int
    passages: int
    lengths: dict[int, int]
    """Passages by their tokens: of more than half the number and at most the number."""


def pack(
    texts: Sequence[EncodedText], tokenizer: Any, context: int, path: Path, seed: int
) -> Packed:
    """Write `path` (.npy, uint16, [rows, context]), texts shuffled by the seed; memory-mapped.

    Equal texts in any order give equal bytes.
    """
    import numpy as np

    ordered = sorted(texts, key=lambda t: blake2b(f"{seed}:{t.document.id}".encode()).digest())
    runs: list[Ids] = []
    lengths: Counter[int] = Counter()
    for ids in (passage for text in ordered for passage in text.ids):
        lengths[len(ids)] += 1
        runs += marked(ids, tokenizer, context)
    rows = layout([len(run) for run in runs], context)
    matrix = np.lib.format.open_memmap(path, "w+", np.uint16, (len(rows), context))
    matrix[:] = tokenizer.token_to_id(PAD)
    for place, row in enumerate(rows):
        joined = np.concatenate([runs[i] for i in row])
        matrix[place, : len(joined)] = joined
    matrix.flush()
    used = sum(len(run) for run in runs)
    return Packed(
        rows=len(rows),
        tokens=sum(length * count for length, count in lengths.items()),
        padding=len(rows) * context - used,
        passages=lengths.total(),
        lengths=_doubling(lengths),
    )


def _doubling(lengths: Mapping[int, int]) -> dict[int, int]:
    """Counts by the next power of two."""
    found: Counter[int] = Counter()
    for length, count in lengths.items():
        found[1 << max(0, length - 1).bit_length()] += count
    return dict(sorted(found.items()))


def marked(ids: "Ids", tokenizer: Any, context: int) -> list["Ids"]:
    """Runs of at most `context` tokens, each between its marks; together all tokens, in order."""
    import numpy as np

    bos, eos = (np.array([tokenizer.token_to_id(t)], np.uint16) for t in (BOS, EOS))
    room = context - 2
    return [
        np.concatenate([bos, ids[start : start + room], eos]) for start in range(0, len(ids), room)
    ]


def layout(lengths: Sequence[int], context: int) -> list[list[int]]:
    """Which runs share a row: full ones alone, the others by best fit, the longest first.

    Rows come in the order of their first run, so that neighbours in the corpus stay near.
    """
    by_room: dict[int, list[list[int]]] = {}
    rows: list[list[int]] = []
    for run in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        fits = [room for room in by_room if room >= lengths[run] and by_room[room]]
        room = min(fits, default=0)
        row = by_room[room].pop() if room else []
        rows += [] if row else [row]
        row.append(run)
        by_room.setdefault((room or context) - lengths[run], []).append(row)
    return sorted((sorted(row) for row in rows), key=lambda row: row[0])

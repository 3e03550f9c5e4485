"""The corpus as rows of token ids, all of one context length.

Every text is encoded once, for the tokenizer's report and for the rows. A passage (the text between
two gaps) is cut into runs that leave room for their marks of beginning and end; runs that do not
fill a row share one, so that no token is lost and few are padding.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint16]

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
LARGEST = 65_536
"""Tokens that two bytes can name."""


@dataclass(frozen=True)
class EncodedText:
    """A text, where its passages lie in it, and their tokens."""

    document: CorpusText
    places: tuple[tuple[int, int], ...]
    """Start and end of each passage in the text."""
    ids: "tuple[Ids, ...]"
    """Of each passage, without marks."""


def encode(documents: Sequence[CorpusText], tokenizer: Any) -> list[EncodedText]:
    """Every passage of every text as ids (uint16 [tokens]), in the order of the documents.

    Raises ValueError for a vocabulary that two bytes cannot number.
    """
    if tokenizer.get_vocab_size() > LARGEST:
        raise ValueError("more tokens than two bytes can number")
    # A text may hold "<eos>" itself: there it is five characters and no mark.
    tokenizer.encode_special_tokens = True
    total = sum(len(document.text) for document in documents)
    encoded = []
    with progress(say("develop.corpus_encoding"), total, say("develop.characters")) as bar:
        for document in documents:
            encoded.append(_encoded(document, tokenizer))
            bar.update(len(document.text))
    return encoded


def _encoded(document: CorpusText, tokenizer: Any) -> EncodedText:
    import numpy as np

    places = tuple(passages(document))
    # The library encodes a batch on all cores; places of characters would cost it time.
    every = tokenizer.encode_batch_fast([document.text[start:end] for start, end in places])
    return EncodedText(document, places, tuple(np.array(one.ids, np.uint16) for one in every))


def passages(document: CorpusText) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between two gaps, without the blanks around it."""
    for start, end in zip([0, *document.gaps], [*document.gaps, len(document.text)], strict=True):
        part = document.text[start:end]
        if bare := part.strip():
            first = start + len(part) - len(part.lstrip())
            yield first, first + len(bare)


def cut(document: CorpusText) -> Iterator[str]:
    """The passages of a text."""
    for start, end in passages(document):
        yield document.text[start:end]


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
    doubling: Counter[int] = Counter()
    for length, count in lengths.items():
        doubling[1 << max(0, length - 1).bit_length()] += count
    return Packed(
        rows=len(rows),
        tokens=sum(length * count for length, count in lengths.items()),
        padding=len(rows) * context - used,
        passages=lengths.total(),
        lengths=dict(sorted(doubling.items())),
    )


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

"""Documents to passages, and passages to an index: their vectors, and what they were built from."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.documents.files import read_documents
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta

if TYPE_CHECKING:
    from kamerton.retrieval.embedding import Vectors

_BATCH = 16
_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)
_CUTS = (
    re.compile(r"\S.*?(?:[.!?…]+(?=\s)|\Z)", re.DOTALL),
    re.compile(r"[^\n]*\S[^\n]*"),
    re.compile(r"\S+"),
)
"""Sentences, and where one is too long, as the rows of a table are, its lines, then its words."""


def read_passages(place: Path, longest: int) -> tuple[Chunk, ...]:
    """Passages of at most `longest` tokens (estimated), with offsets into their documents.

    `place` is a folder or a file that `documents.files` reads.
    """
    return tuple(
        Chunk(
            id=f"{document.id}:{start}",
            text=" ".join(document.text[start:end].split()),
            source=document.id,
            start=start,
            end=end,
        )
        for document in read_documents(place)
        for paragraph in _PARAGRAPH.finditer(document.text)
        for start, end in _spans(document.text, *paragraph.span(), longest)
    )


def _spans(
    text: str, start: int, end: int, longest: int, cuts: Sequence[re.Pattern[str]] = _CUTS
) -> Iterator[tuple[int, int]]:
    """The whole where it fits; else its parts, as many together as fit, too long ones cut again."""
    if tokens(text[start:end]) <= longest or not cuts:
        yield start, end
        return
    first = last = start
    for part in cuts[0].finditer(text, start, end):
        if last > first and tokens(text[first : part.end()]) > longest:
            yield first, last
            last = first
        if last == first:
            first = part.start()
        last = part.end()
        if tokens(text[first:last]) > longest:
            yield from _spans(text, first, last, longest, cuts[1:])
            first = last
    if last > first:
        yield first, last


def tokens(text: str) -> int:
    """Estimated tokens: words and marks, Cyrillic words counted as two."""
    parts = re.findall(r"\w+|[^\w\s]", text)
    return sum(2 if re.match(r"[а-яё]", part, re.IGNORECASE) else 1 for part in parts)


def build(passages: Sequence[Chunk], folder: Path, endpoint: Endpoint | None = None) -> None:
    """Encode the passages, offline or at a server, and write the index into `folder`.

    Raises InputError for a server that does not answer; nothing is written then.
    """
    import numpy as np

    from kamerton.retrieval.embedding import ENCODER

    vectors = _encoded([passage.searched for passage in passages], endpoint)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / VECTORS, vectors)
    write_rows(folder / CHUNKS, passages)
    meta = IndexMeta(
        encoder=endpoint.model if endpoint else ENCODER,
        dimensions=vectors.shape[1],
        chunks=len(passages),
        source_sha256=digest(*(json.dumps([p.source, p.title, p.text]) for p in passages)),
        endpoint=endpoint,
    )
    write_text(folder / META, meta.model_dump_json(indent=2, exclude_none=True) + "\n")


def _encoded(texts: Sequence[str], endpoint: Endpoint | None) -> "Vectors":
    """Unit rows of float32 [texts, dimensions]."""
    import numpy as np

    from kamerton.retrieval.embedding import encode, encode_at

    with progress(say("retrieval.indexing"), len(texts), say("retrieval.passages")) as bar:
        if endpoint is not None:
            at = endpoint
            return encode_at(at.base_url, at.model, texts, at.api_key_env, bar.update)
        rows = []
        for start in range(0, len(texts), _BATCH):
            rows.append(encode(texts[start : start + _BATCH]))
            bar.update(len(rows[-1]))
        return np.concatenate(rows)

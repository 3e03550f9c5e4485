"""Documents to passages, and passages to an index: their vectors, and what they were built from."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.documents.files import read_documents
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta

if TYPE_CHECKING:
    from kamerton.retrieval.embedding import Vectors

SUFFIXES = (".txt", ".md")
"""Documents that are cut into passages, of those that `documents.files` reads."""
_BATCH = 16
_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s)|\Z)", re.DOTALL)


def read_passages(folder: Path, longest: int) -> tuple[Chunk, ...]:
    """Passages of at most `longest` tokens (estimated), with offsets into their files."""
    if not folder.is_dir():
        raise InputError("retrieval.no_folder", where=str(folder))
    if not any(path.suffix.lower() in SUFFIXES for path in folder.rglob("*")):
        raise InputError("retrieval.no_documents", where=str(folder))
    patterns = [case for suffix in SUFFIXES for case in (f"*{suffix}", f"*{suffix.upper()}")]
    return tuple(
        Chunk(
            id=f"{document.id}:{start}",
            text=" ".join(document.text[start:end].split()),
            source=document.id,
            start=start,
            end=end,
        )
        for document in read_documents(folder, patterns)
        for start, end in _spans(document.text, longest)
    )


def _spans(text: str, longest: int) -> Iterator[tuple[int, int]]:
    for paragraph in _PARAGRAPH.finditer(text):
        if tokens(paragraph.group()) <= longest:
            yield paragraph.start(), paragraph.end()
        else:
            yield from _cut(text, paragraph.start(), paragraph.end(), longest)


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Whole sentences, as many as fit; a sentence longer than that stays whole."""
    first = last = start
    for sentence in _SENTENCE.finditer(text, start, end):
        if last > first and tokens(text[first : sentence.end()]) > longest:
            yield first, last
            first = sentence.start()
        last = sentence.end()
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

"""The RAG index: passages and their vectors, with the hash of what they were built from."""

import json
from collections.abc import Sequence
from pathlib import Path

from kamerton.develop.data.guide.facts import Passage
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, IndexMeta
from kamerton.terminal import progress

_BATCH = 16


def build(passages: Sequence[Passage], folder: Path) -> None:
    """Encode the passages and write the index into `folder`."""
    import numpy as np

    from kamerton.embedding import ENCODER, encode

    folder.mkdir(parents=True, exist_ok=True)
    vectors = []
    with progress(say("develop.indexing"), len(passages), say("develop.passages")) as bar:
        for start in range(0, len(passages), _BATCH):
            batch = passages[start : start + _BATCH]
            vectors.append(encode([_encoded(passage) for passage in batch]))
            bar.update(len(batch))
    matrix = np.concatenate(vectors).astype(np.float32)
    np.save(folder / VECTORS, matrix)
    write_rows(folder / CHUNKS, [_chunk(passage) for passage in passages])
    meta = IndexMeta(
        encoder=ENCODER,
        dimensions=matrix.shape[1],
        chunks=len(passages),
        source_sha256=digest(*(json.dumps([p.source, p.title, p.text]) for p in passages)),
    )
    write_text(folder / META, meta.model_dump_json(indent=2) + "\n")


def _encoded(passage: Passage) -> str:
    return f"{passage.title}. {passage.text}" if passage.title else passage.text


def _chunk(passage: Passage) -> Chunk:
    return Chunk(
        id=passage.id,
        text=passage.text,
        source=passage.source,
        start=passage.start,
        end=passage.end,
    )

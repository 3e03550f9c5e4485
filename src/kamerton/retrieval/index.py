"""The RAG index: passages and their vectors, with the hash of what they were built from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta

if TYPE_CHECKING:
    from kamerton.retrieval.embedding import Vectors

_BATCH = 16


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

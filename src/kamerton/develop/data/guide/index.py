"""The RAG index: passages and their vectors, with the hash of what they were built from."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.develop.data.guide.facts import Passage
from kamerton.develop.data.synth import hosts
from kamerton.develop.settings.guide import EmbeddingsSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta

if TYPE_CHECKING:
    from kamerton.retrieval.embedding import Vectors

_BATCH = 16


def build(
    passages: Sequence[Passage], folder: Path, embeddings: EmbeddingsSettings | None = None
) -> None:
    """Encode the passages, offline or at a server, and write the index into `folder`.

    Raises InputError for a server outside this machine that the settings do not allow, and for
    one that does not answer; nothing is written then.
    """
    import numpy as np

    from kamerton.retrieval.embedding import ENCODER

    endpoint = allowed(embeddings) if embeddings else None
    chunks = [_chunk(passage) for passage in passages]
    matrix = _encoded([chunk.searched for chunk in chunks], endpoint)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / VECTORS, matrix)
    write_rows(folder / CHUNKS, chunks)
    meta = IndexMeta(
        encoder=endpoint.model if endpoint else ENCODER,
        dimensions=matrix.shape[1],
        chunks=len(passages),
        source_sha256=digest(*(json.dumps([p.source, p.title, p.text]) for p in passages)),
        endpoint=endpoint,
    )
    write_text(folder / META, meta.model_dump_json(indent=2, exclude_none=True) + "\n")


def allowed(embeddings: EmbeddingsSettings) -> Endpoint:
    """The server of the settings; InputError where texts may not leave this machine for it."""
    try:
        hosts.check_host(embeddings.base_url, embeddings.trusted_hosts, embeddings.leaves_machine)
    except InputError as error:
        if error.key != "develop.synth_outside_host":  # its text speaks of a teacher
            raise
        where, host = "data.embeddings.base_url", error.values["host"]
        raise InputError("formats.embed_outside_host", where=where, host=host) from error
    return Endpoint(
        base_url=embeddings.base_url,
        model=embeddings.model,
        api_key_env=embeddings.api_key_env,
    )


def _encoded(texts: Sequence[str], endpoint: Endpoint | None) -> "Vectors":
    with progress(say("develop.indexing"), len(texts), say("develop.passages")) as bar:
        if endpoint is None:
            return _offline(texts, bar.update)
        from kamerton.retrieval.embedding import encode_at

        at = endpoint
        return encode_at(at.base_url, at.model, texts, at.api_key_env, bar.update)


def _offline(texts: Sequence[str], done: Callable[[int], object]) -> "Vectors":
    import numpy as np

    from kamerton.retrieval.embedding import encode

    rows = []
    for start in range(0, len(texts), _BATCH):
        rows.append(encode(texts[start : start + _BATCH]))
        done(len(rows[-1]))
    return np.concatenate(rows)


def _chunk(passage: Passage) -> Chunk:
    return Chunk(
        id=passage.id,
        text=passage.text,
        source=passage.source,
        start=passage.start,
        end=passage.end,
        title=passage.title,
    )

"""An index on disk to passages for a query, ranked by cosine similarity, by BM25, or by both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, read_text
from kamerton.formats.retrieval import CHUNKS, DEFAULT, META, VECTORS, Chunk, How, IndexMeta
from kamerton.retrieval import embedding
from kamerton.retrieval.bm25 import Bm25

if TYPE_CHECKING:
    from kamerton.retrieval.embedding import Vectors

K = 60
"""Constant of the reciprocal rank fusion."""
DEPTH = 1000
"""Passages of each ranking that take part in the fusion."""
_SAME = 0.95
"""Cosine of two vectors of one text below which they are not of one encoder."""

Ranked = list[tuple[int, float]]
"""Rows of the index with their scores, best first."""


@dataclass(frozen=True)
class Hit:
    """A passage that was found."""

    chunk: Chunk
    score: float
    """Cosine, BM25 or sum of reciprocal ranks: comparable within one search only."""


class ForeignIndex(Exception):
    """An index whose vectors another encoder made than the one that would encode the query."""

    def __init__(self, where: Path, has: str, wanted: str) -> None:
        """The file that says it, the index's encoder, and the one at hand."""
        super().__init__(f"{where}: {has}, not {wanted}")
        self.where, self.has, self.wanted = str(where), has, wanted


@dataclass(frozen=True)
class Index:
    """An index in memory, with what its way of searching needs."""

    meta: IndexMeta
    chunks: Sequence[Chunk]
    bm25: Bm25 | None
    """None where only cosine is asked for."""
    vectors: "Vectors | None"
    """Unit rows of float32, one for each chunk; None where only BM25 is asked for."""


def search(folder: Path, query: str, count: int, how: How = DEFAULT) -> list[Hit]:
    """The `count` passages of the index in `folder` that suit the query best, best first.

    Raises what `load` raises, and InputError where the index's endpoint does not answer.
    """
    return find(load(folder, how), query, count)


def load(folder: Path, how: How = DEFAULT) -> Index:
    """An index, checked; the encoder is loaded and tried unless BM25 alone is asked for.

    Raises InputError for files that are missing or do not fit together, ForeignIndex for an
    index of another encoder.
    """
    try:
        meta = IndexMeta.model_validate_json(read_text(folder / META))
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise InputError("formats.index_damaged", where=str(folder / META), why=why) from error
    chunks = read_rows(folder / CHUNKS, Chunk)
    if len(chunks) != meta.chunks:
        why = f"{len(chunks)} rows, {META} says {meta.chunks}"
        raise InputError("formats.index_damaged", where=str(folder / CHUNKS), why=why)
    bm25 = None if how == "cosine" else Bm25([chunk.searched for chunk in chunks])
    vectors = None if how == "bm25" else _vectors(folder / VECTORS, meta)
    if vectors is not None:
        _check_encoder(folder / META, meta, chunks[0], vectors)
    return Index(meta, chunks, bm25, vectors)


def find(index: Index, query: str, count: int) -> list[Hit]:
    """The best passages of an index in memory; fewer than `count` where no more share a word."""
    depth = count if index.vectors is None or index.bm25 is None else DEPTH
    rankings = []
    if index.vectors is not None:
        vector = _encode(index.meta, [query])[0]
        rankings.append(embedding.top_k(vector, index.vectors, depth))
    if index.bm25 is not None:
        rankings.append(index.bm25.top(query, depth))
    best = fused(rankings, count) if len(rankings) > 1 else rankings[0]
    return [Hit(index.chunks[row], score) for row, score in best]


def fused(rankings: Sequence[Ranked], count: int) -> Ranked:
    """Several rankings as one: each row scores the sum of 1 / (60 + rank), ranks from 1.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009, SIGIR): it needs no scores that
    can be compared. Of equal sums the first row wins.
    """
    sums: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, (row, _) in enumerate(ranking, start=1):
            sums[row] += 1 / (K + rank)
    return sorted(sums.items(), key=lambda found: (-found[1], found[0]))[:count]


def _encode(meta: IndexMeta, texts: Sequence[str]) -> "Vectors":
    """Vectors of the encoder that made the index, where it made them."""
    at = meta.endpoint
    if at is None:
        return embedding.encode(texts)
    return embedding.encode_at(at.base_url, at.model, texts, at.api_key_env)


def _vectors(path: Path, meta: IndexMeta) -> "Vectors":
    import numpy as np

    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    try:
        vectors = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError("formats.index_damaged", where=str(path), why=error) from error
    if vectors.shape != (meta.chunks, meta.dimensions) or vectors.dtype != np.float32:
        why = f"{vectors.dtype} {vectors.shape}, {META} says {(meta.chunks, meta.dimensions)}"
        raise InputError("formats.index_damaged", where=str(path), why=why)
    return np.asarray(vectors, np.float32)


def _check_encoder(path: Path, meta: IndexMeta, first: Chunk, vectors: "Vectors") -> None:
    """ForeignIndex unless queries will get vectors of the encoder that made the index.

    A server may answer for whatever model it has loaded, so its vector of the first passage must
    be the one in the index.
    """
    has = f"{meta.encoder}, {meta.dimensions}"
    if meta.endpoint is None and meta.encoder != embedding.ENCODER:
        raise ForeignIndex(path, has, embedding.ENCODER)
    made = _encode(meta, [first.searched])[0]
    if len(made) != meta.dimensions:
        raise ForeignIndex(path, has, f"{meta.encoder}, {len(made)}")
    similarity = float(made @ vectors[0])
    if meta.endpoint is not None and similarity < _SAME:
        raise ForeignIndex(path, has, f"{meta.encoder}, {len(made)}, cosine {similarity:.2f}")

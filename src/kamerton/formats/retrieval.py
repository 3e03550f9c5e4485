"""The RAG index on disk: `chunks.jsonl`, `vectors.npy` (float32, unit rows) and `meta.json`."""

import re
from collections.abc import Sequence
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

CHUNKS, VECTORS, META = "chunks.jsonl", "vectors.npy", "meta.json"


class Chunk(BaseModel):
    """One passage that retrieval can return; row i of the vectors belongs to chunk i."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    text: str
    source: str
    start: int = 0
    end: int = 0
    """Character offsets of the passage in its source."""


class IndexMeta(BaseModel):
    """What an index was built from and with."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    encoder: str
    dimensions: int
    chunks: int
    source_sha256: str


def with_context(question: str, passages: Sequence[str]) -> str:
    """The user turn of a question with passages before it, the same in training and serving.

    The context comes first, so that questions about one passage share a cached prefix. The
    wording is Russian where the question is.
    """
    language = "ru" if re.search("[а-яё]", question, re.IGNORECASE) else "en"
    form = (files("kamerton.formats.templates") / f"context.{language}.txt").read_text("utf-8")
    return form.strip().format(context=" ".join(passages), question=question)

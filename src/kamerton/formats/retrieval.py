"""The RAG index on disk: `chunks.jsonl`, `vectors.npy` (float32, unit rows) and `meta.json`."""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal

from pydantic import Field

from kamerton.formats.jsonl import Record

CHUNKS, VECTORS, META = "chunks.jsonl", "vectors.npy", "meta.json"

How = Literal["cosine", "bm25", "fused"]
"""How passages are ranked: by meaning, by shared words, or by both rankings together."""
DEFAULT: How = "fused"
"""The better one on both languages of the museum recipe (docs/decisions/0003-retrieval.md)."""


class Chunk(Record):
    """One passage that retrieval can return; row i of the vectors belongs to chunk i."""

    id: str
    text: str
    source: str
    start: int = 0
    end: int = 0
    """Character offsets of the passage in its source."""
    title: str = ""
    """What the passage is about: searched with it (46 exhibits: 90 of 96 found, 69 without), not
    shown to the model."""

    @property
    def searched(self) -> str:
        """The text that both rankings go by."""
        return f"{self.title}. {self.text}" if self.title else self.text


class Endpoint(Record):
    """A server of embeddings that speaks the OpenAI protocol."""

    base_url: str
    """Address up to `/embeddings`."""
    model: str = Field(min_length=1)
    """The encoder, as its server calls it."""
    api_key_env: str = Field("", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    """Environment variable that holds the key (never the key itself); empty: no key."""


class IndexMeta(Record):
    """What an index was built from and with."""

    encoder: str
    dimensions: int
    chunks: int
    source_sha256: str
    endpoint: Endpoint | None = None
    """Where the vectors were made, and those of the questions will be; None: here, offline."""


def with_context(question: str, passages: Sequence[str]) -> str:
    """The user turn of a question with passages before it, the same in training and serving.

    The context comes first, so that questions about one passage share a cached prefix. The
    wording is Russian where the question is.
    """
    language = "ru" if re.search("[а-яё]", question, re.IGNORECASE) else "en"
    form = (files("kamerton.formats.templates") / f"context.{language}.txt").read_text("utf-8")
    return form.strip().format(context=" ".join(passages), question=question)

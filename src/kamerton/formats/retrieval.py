"""The RAG index on disk: `chunks.jsonl`, `vectors.npy` (float32, unit rows) and `meta.json`."""

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

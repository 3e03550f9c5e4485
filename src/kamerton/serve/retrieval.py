"""Passages for a question: cosine similarity over the index that the data stage built."""

from pathlib import Path

from kamerton.embedding import encode, top_k
from kamerton.formats.jsonl import read_rows
from kamerton.formats.retrieval import CHUNKS, VECTORS, Chunk


class Retriever:
    """An index in memory; the encoder is loaded with it, so that no visitor waits for it."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self._chunks = read_rows(folder / CHUNKS, Chunk)
        self._vectors = np.load(folder / VECTORS, allow_pickle=False)
        encode(["warm up"])

    def find(self, question: str, count: int) -> list[Chunk]:
        """The `count` passages closest to the question, the closest first."""
        best = top_k(encode([question])[0], self._vectors, count)
        return [self._chunks[i] for i, _ in best]

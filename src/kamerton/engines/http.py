"""Answers of an engine behind HTTP, whole or streamed; this machine is asked without a proxy."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from kamerton.client.connection import events
from kamerton.client.hosts import trust_env
from kamerton.engines.openai_api import ApiError
from kamerton.engines.protocol import Json

_TIMEOUT = httpx.Timeout(600.0, connect=5.0)


class HttpClient:
    """The connections to one server. `gone` is what clients are told while it does not answer."""

    def __init__(self, gone: str, url: str = "http://127.0.0.1") -> None:
        self._gone = gone
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=trust_env(url))

    async def complete(self, url: str, body: Json, headers: Mapping[str, str]) -> Json:
        """One whole answer; cancelled, it closes the connection."""
        try:
            answer = await self._client.post(url, json=body, headers=headers)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if answer.status_code != 200:
            raise refused(answer.status_code, answer.content)
        return _object(answer.content)

    async def stream(self, url: str, body: Json, headers: Mapping[str, str]) -> AsyncIterator[Json]:
        """The chunks of an answer; leaving the loop early closes the connection."""
        body = body | {"stream": True}
        try:
            async with self._client.stream("POST", url, json=body, headers=headers) as answer:
                if answer.status_code != 200:
                    raise refused(answer.status_code, await answer.aread())
                async for data in events(answer):
                    chunk = _object(data)
                    if "error" in chunk and "choices" not in chunk:
                        raise refused(500, data)
                    yield chunk
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> ApiError:
        return ApiError(503, f"{self._gone} ({type(error).__name__}); try again", "server_error")


def refused(status: int, content: bytes) -> ApiError:
    """A server's refusal as the client's error. What is wrong with our own key is no fault of it.

    >>> refused(401, b"").status
    502
    """
    try:
        inner = json.loads(content)["error"]
        message, kind = str(inner["message"]), str(inner.get("type", "server_error"))
        param, code = inner.get("param"), inner.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(502, "the engine gave no readable answer", "server_error")
    if status in (401, 403):
        return ApiError(502, f"the engine refuses the gateway: {message}", "server_error")
    return ApiError(status, message, kind, param, code if isinstance(code, str) else None)


def _object(content: bytes) -> Json:
    try:
        answer: Any = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ApiError(502, "the engine gave no readable answer", "server_error")
    return answer

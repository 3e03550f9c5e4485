"""Requests to the engine: one slot each, every adapter named, streams passed on as they come."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from kamerton.serve.arms import Arm
from kamerton.serve.engines.llamacpp import Engine, scales
from kamerton.serve.gateway.errors import ApiError
from kamerton.serve.gateway.slots import Lease, Slots

_ROUTE = "/v1/chat/completions"


class Upstream:
    """The engine as the gateway uses it."""

    def __init__(self, engine: Engine, adapters: tuple[str, ...], slots: Slots) -> None:
        self._engine, self._adapters, self._slots = engine, adapters, slots
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(600.0, connect=5.0))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def complete(self, arm: Arm, body: dict[str, Any]) -> dict[str, Any]:
        """One whole answer."""
        async with self._slots.lease(arm.id, _prefix(body), self._engine.starts) as lease:
            full = self._full(arm, body, lease)
            try:
                answer = await self._client.post(self._url, json=full, headers=self._engine.headers)
            except httpx.TransportError as error:
                raise _gone(error) from error
            if answer.status_code != 200:
                raise _refused(answer.status_code, answer.content)
        whole: dict[str, Any] = answer.json()
        return whole | {"model": arm.id}

    async def stream(self, arm: Arm, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks of an answer; leaving the loop early makes the engine stop."""
        async with self._slots.lease(arm.id, _prefix(body), self._engine.starts) as lease:
            full = self._full(arm, body, lease) | {"stream": True}
            try:
                async with self._client.stream(
                    "POST", self._url, json=full, headers=self._engine.headers
                ) as answer:
                    if answer.status_code != 200:
                        raise _refused(answer.status_code, await answer.aread())
                    async for line in answer.aiter_lines():
                        if line.startswith("data: {"):
                            yield json.loads(line[6:]) | {"model": arm.id}
            except httpx.TransportError as error:
                raise _gone(error) from error

    @property
    def _url(self) -> str:
        return self._engine.address + _ROUTE

    def _full(self, arm: Arm, body: dict[str, Any], lease: Lease) -> dict[str, Any]:
        own = {"id_slot": lease.slot, "cache_prompt": not lease.fresh}
        return {**body, **own, "lora": scales(arm.adapter, self._adapters)}


def _prefix(body: dict[str, Any]) -> str:
    """The chat as one text, good enough to tell which slot's state is most alike."""
    return "\n".join(f"{turn['role']}\n{turn['content']}" for turn in body["messages"])


def _gone(error: httpx.TransportError) -> ApiError:
    why = type(error).__name__
    return ApiError(503, f"the engine is starting again ({why}); try again", "server_error")


def _refused(status: int, content: bytes) -> ApiError:
    try:
        inner = json.loads(content)["error"]
        return ApiError(status, str(inner["message"]), str(inner.get("type", "server_error")))
    except (ValueError, KeyError, TypeError):
        return ApiError(502, "the engine gave no readable answer", "server_error")

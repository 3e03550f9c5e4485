"""Requests to an arm's engine: one slot each, the adapter named, streams passed on as they come."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from kamerton.engines.errors import ApiError
from kamerton.serve.arms import Arm
from kamerton.serve.fleet import Member
from kamerton.serve.gateway.slots import Lease, Slots

_ROUTE = "/v1/chat/completions"


class Upstream:
    """The engines as the gateway uses them: every arm has one, every engine its own slots."""

    def __init__(self, fleet: Sequence[Member], queue: int) -> None:
        """`queue`: requests that may wait for a slot of one engine."""
        self._members = {name: member for member in fleet for name in member.adapters}
        slots = [(member, Slots(member.slots, queue)) for member in fleet]
        self._slots = {name: own for member, own in slots for name in member.adapters}
        timeout = httpx.Timeout(600.0, connect=5.0)
        # The engines are processes of this machine: no proxy may come between (`client.hosts`).
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def complete(self, arm: Arm, body: dict[str, Any]) -> dict[str, Any]:
        """One whole answer."""
        engine = self._members[arm.adapter].engine
        async with self._lease(arm, body) as lease:
            full = self._full(arm, body, lease)
            try:
                url = engine.address + _ROUTE
                answer = await self._client.post(url, json=full, headers=engine.headers)
            except httpx.TransportError as error:
                raise _gone(error) from error
            if answer.status_code != 200:
                raise _refused(answer.status_code, answer.content)
        whole: dict[str, Any] = answer.json()
        return whole | {"model": arm.id}

    async def stream(self, arm: Arm, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks of an answer; leaving the loop early makes the engine stop."""
        engine = self._members[arm.adapter].engine
        async with self._lease(arm, body) as lease:
            full = self._full(arm, body, lease) | {"stream": True}
            try:
                async with self._client.stream(
                    "POST", engine.address + _ROUTE, json=full, headers=engine.headers
                ) as answer:
                    if answer.status_code != 200:
                        raise _refused(answer.status_code, await answer.aread())
                    async for line in answer.aiter_lines():
                        if line.startswith("data: {"):
                            yield json.loads(line[6:]) | {"model": arm.id}
            except httpx.TransportError as error:
                raise _gone(error) from error

    def _lease(self, arm: Arm, body: dict[str, Any]) -> AbstractAsyncContextManager[Lease]:
        starts = self._members[arm.adapter].engine.starts
        return self._slots[arm.adapter].lease(arm.id, _prefix(body), starts)

    def _full(self, arm: Arm, body: dict[str, Any], lease: Lease) -> dict[str, Any]:
        own = {"id_slot": lease.slot, "cache_prompt": not lease.fresh}
        return {**body, **own, **self._members[arm.adapter].names(arm.adapter)}


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

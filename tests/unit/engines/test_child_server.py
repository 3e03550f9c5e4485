"""The gateway's own promises, without an engine."""

import asyncio

import pytest
from fastapi import Request

from kamerton.engines.child_server import while_connected
from kamerton.engines.openai_api import ApiError


def test_work_ends_when_its_client_leaves() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("work")

    async def leaves() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(ApiError) as caught:
        asyncio.run(while_connected(Request({"type": "http"}, leaves), endless()))
    assert caught.value.status == 499 and ended == ["work"]


def test_work_for_a_client_that_stays_is_its_result() -> None:
    async def answer() -> str:
        return "whole"

    async def stays() -> dict[str, str]:
        await asyncio.sleep(3600)
        return {}

    request = Request({"type": "http"}, stays)
    assert asyncio.run(while_connected(request, answer())) == "whole"


def test_a_failure_of_the_work_is_the_clients() -> None:
    async def fails() -> None:
        raise ApiError(503, "gone")

    async def stays() -> dict[str, str]:
        await asyncio.sleep(3600)
        return {}

    with pytest.raises(ApiError, match="gone"):
        asyncio.run(while_connected(Request({"type": "http"}, stays), fails()))

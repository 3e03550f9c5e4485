"""A proxy of the environment never comes between the gateway and its engines."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kamerton.engines.process import Engine
from kamerton.serve.arms import Arm
from kamerton.serve.fleet import Member
from kamerton.serve.gateway.upstream import Upstream
from recording_proxy import proxied

REPLY = {"choices": [], "model": "x"}


def test_a_gateway_asks_its_engines_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(REPLY, monkeypatch) as seen:
        engine = SimpleNamespace(address=seen.url, headers={}, starts=1)
        member = Member("m", cast(Engine, engine), (None,), 1, lambda _: {}, lambda *_: {})

        async def ask() -> dict[str, Any]:
            upstream = Upstream([member], 1)
            try:
                return await upstream.complete(Arm("base", None, False), {"messages": []})
            finally:
                await upstream.close()

        assert asyncio.run(ask()) == REPLY | {"model": "base"}
    assert (seen.served, seen.proxied) == (["POST /v1/chat/completions"], [])


def test_an_engine_is_asked_at_its_start_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(REPLY, monkeypatch) as seen:
        engine = Engine("no.worker", {}, "here")
        engine.address = seen.url
        assert engine.post("/completion", {"prompt": "x"}) == REPLY
    assert (seen.served, seen.proxied) == (["POST /completion"], [])

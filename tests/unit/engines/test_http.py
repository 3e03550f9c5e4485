"""Engines behind HTTP: no proxy comes between, and what they say wrong is an error in words."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kamerton.engines.child import ChildProcess
from kamerton.engines.http import HttpClient, refused
from kamerton.engines.openai_api import ApiError
from recording_proxy import proxied

REPLY = {"choices": [], "model": "x"}


def test_an_engine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(REPLY, monkeypatch) as seen:
        url = f"{seen.url}/v1/chat/completions"
        answer = asyncio.run(HttpClient("gone").complete(url, {"messages": []}, {}))
    assert answer == REPLY
    assert (seen.served, seen.proxied) == (["POST /v1/chat/completions"], [])


def test_a_child_is_asked_at_its_start_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(REPLY, monkeypatch) as seen:
        child = ChildProcess("no.worker", {}, "here")
        child.address = seen.url
        assert child.post("/completion", {"prompt": "x"}) == REPLY
    assert (seen.served, seen.proxied) == (["POST /completion"], [])


def answering(status: int, content: bytes) -> HttpClient:
    """A client whose server answers so."""
    client = HttpClient("the engine is gone")
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    client._client = httpx.AsyncClient(transport=transport)
    return client


@pytest.mark.parametrize("content", [b"", b"[]", b"<html>", b'{"error": "text"}'])
@pytest.mark.parametrize("status", [200, 500])
def test_what_is_no_answer_is_a_502(status: int, content: bytes) -> None:
    if status == 200 and content.startswith(b"{"):
        return
    with pytest.raises(ApiError) as caught:
        asyncio.run(answering(status, content).complete("http://x", {}, {}))
    assert caught.value.status == 502


def test_a_refusal_keeps_its_words_and_our_own_key_is_no_fault_of_the_client() -> None:
    body = b'{"error": {"message": "too long", "type": "exceed_context_size_error", "code": 400}}'
    error = refused(400, body)
    assert (error.status, error.message, error.type) == (
        400,
        "too long",
        "exceed_context_size_error",
    )
    assert refused(401, body).status == 502


def test_an_error_in_a_stream_ends_it() -> None:
    lines = b'data: {"choices": []}\n\ndata: {"error": {"message": "lost"}}\n\n'

    async def read(chunks: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
        seen = []
        with pytest.raises(ApiError, match="lost"):
            async for chunk in chunks:
                seen.append(chunk)
        return seen

    assert asyncio.run(read(answering(200, lines).stream("http://x", {}, {}))) == [{"choices": []}]

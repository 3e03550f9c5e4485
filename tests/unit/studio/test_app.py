"""The page asks as any other client would, and shows what a server says, also that it fails."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from kamerton.studio.app import _replies, _tuned
from listening import listening
from recording_proxy import proxied

TURNS = [
    {"role": "user", "content": [{"type": "text", "text": "hi"}], "metadata": None},
    {"role": "assistant", "content": "yes", "options": []},
    {"role": "user", "content": "again"},
]


def shown(base_url: str) -> list[list[dict[str, Any]]]:
    async def all_states() -> list[list[dict[str, Any]]]:
        return [state async for state in _replies(base_url, "museum", TURNS)]

    return asyncio.run(all_states())


def test_an_answer_grows_and_only_role_and_text_are_sent() -> None:
    bodies: list[dict[str, Any]] = []

    async def chat(request: Request) -> Response:
        bodies.append(await request.json())
        chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in ("a", None, "b")]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]))

    with listening([Route("/v1/chat/completions", chat, methods=["POST"])]) as url:
        states = shown(url)
    assert [state[-1]["content"] for state in states] == ["a", "a", "ab"]
    assert all(state[:-1] == TURNS for state in states)
    assert bodies[0]["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "again"},
    ]
    assert bodies[0]["stream"] and bodies[0]["model"] == "museum"


def test_a_failure_of_the_server_is_a_line_of_the_chat() -> None:
    async def chat(request: Request) -> Response:
        return JSONResponse({"error": {"message": "full"}}, 503)

    with listening([Route("/v1/chat/completions", chat, methods=["POST"])]) as url:
        (state,) = shown(url)
    assert state[-1]["content"].startswith("⚠") and "full" in state[-1]["content"]


def test_the_page_asks_this_machine_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied({}, monkeypatch) as seen:
        shown(f"{seen.url}/v1")
    assert (seen.served, seen.proxied) == (["POST /v1/chat/completions"], [])


def test_the_second_model_is_the_tuned_one() -> None:
    assert _tuned(["base", "museum", "base+rag", "museum+rag"]) == "museum"
    assert _tuned(["base"]) == "base"

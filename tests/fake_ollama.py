"""A stand-in for Ollama: its OpenAI routes, with a model that says which model it is."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from listening import listening

MODELS = ["llama3.2:latest", "qwen3:0.6b"]


@dataclass
class FakeOllama:
    """What it was asked, and how it behaves."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    endless: bool = False
    """Streams go on until their client leaves."""
    left: bool = False
    """Whether a client left such a stream."""
    url: str = ""

    async def models(self, _: Request) -> Response:
        rows = [{"id": name, "object": "model", "owned_by": "library"} for name in MODELS]
        return JSONResponse({"object": "list", "data": rows})

    async def chat(self, request: Request) -> Response:
        body = await self._note(request)
        if body["model"] not in MODELS:
            message = f"model '{body['model']}' not found"
            return JSONResponse({"error": {"message": message, "type": "not_found_error"}}, 404)
        if body["messages"][-1]["content"] == "too long":
            error = {"message": "context", "type": "exceed_context_size_error", "code": None}
            return JSONResponse({"error": error}, 400)
        if body.get("stream"):
            return StreamingResponse(self._stream(body["model"]), media_type="text/event-stream")
        message = {"role": "assistant", "content": f"I am {body['model']}."}
        return JSONResponse(_chunk(body["model"], message=message, finish_reason="stop"))

    async def _stream(self, model: str) -> AsyncIterator[str]:
        try:
            for word in ("I", " am\u2028", model, "."):
                yield _event(model, delta={"content": word})
            while self.endless:
                yield _event(model, delta={"content": "."})
                await asyncio.sleep(0.01)
            yield _event(model, delta={}, finish_reason="stop")
            yield "data: [DONE]\n\n"
        finally:
            self.left = self.endless

    async def _note(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        return body


def _chunk(model: str, **choice: object) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "model": model, "choices": [{"index": 0, **choice}]}


def _event(model: str, **choice: object) -> str:
    return f"data: {json.dumps(_chunk(model, **choice), ensure_ascii=False)}\n\n"


@contextmanager
def ollama() -> Iterator[FakeOllama]:
    """A running stand-in; `url` is its address with /v1."""
    fake = FakeOllama()
    routes = [
        Route("/v1/models", fake.models),
        Route("/v1/chat/completions", fake.chat, methods=["POST"]),
    ]
    with listening(routes) as fake.url:
        yield fake

"""The transformers engine's own process: soft prompts behind llama.cpp's HTTP routes.

Run as `python -m kamerton.engines.transformers_worker`, by the rules of `engines.process`.
It answers one chat at a time, the others wait in turn; an answer ends when its client leaves.
Routes, all with the bearer key: POST /v1/chat/completions (plain and streamed), POST /next-token
(log-probabilities, for the proof at the start), GET /health.
"""

import asyncio
import json
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from kamerton.engines.asked import Asked, read
from kamerton.engines.listening import application, body_of, listen, started, while_connected
from kamerton.engines.soft import Finish, SoftPrompted
from kamerton.engines.transformers import PromptSettings

Chunk = dict[str, Any]


class Model(Protocol):
    """What answers: `SoftPrompted`, or a stand-in of a test."""

    def tokens(self, chat: list[dict[str, Any]]) -> list[int]: ...  # noqa: D102
    def room(self, ids: list[int], most: int | None) -> int: ...  # noqa: D102
    def next_token(self, prompt: str, adapter: str | None) -> dict[int, float]: ...  # noqa: D102
    def generate(  # noqa: D102
        self, asked: Asked, ids: list[int], tell: Callable[[str], None], gone: threading.Event
    ) -> Finish: ...


class Routes:
    """The model behind HTTP; one thread computes, so one answer is made at a time."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._one = ThreadPoolExecutor(1)

    async def health(self) -> dict[str, str]:
        """GET /health: the process is loaded and listens."""
        return {"status": "ok"}

    async def next_token(self, request: Request) -> dict[int, float]:
        """POST /next-token: {"prompt", "adapter" (null: the bare base)} to log-probabilities."""
        body = await body_of(request)
        loop, model = asyncio.get_running_loop(), self._model
        return await loop.run_in_executor(
            self._one, model.next_token, body["prompt"], body["adapter"]
        )

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        asked = read(await body_of(request))
        ids = self._model.tokens([turn.model_dump() for turn in asked.messages])
        self._model.room(ids, asked.most)  # too long is told before the first token
        if asked.stream:
            events = _events(asked, self._pieces(asked, ids))
            return StreamingResponse(events, media_type="text/event-stream")
        whole = await while_connected(request, self._whole(asked, ids))
        return JSONResponse(whole)

    async def _whole(self, asked: Asked, ids: list[int]) -> Chunk:
        *texts, finish = [piece async for piece in self._pieces(asked, ids)]
        message = {"role": "assistant", "content": "".join(map(str, texts))}
        assert isinstance(finish, Finish)
        choice = {"index": 0, "message": message, "finish_reason": finish.reason}
        head = _head(asked, "chat.completion")
        return head | {"choices": [choice], "usage": _usage(finish)}

    async def _pieces(self, asked: Asked, ids: list[int]) -> AsyncIterator[str | Finish]:
        """The pieces of an answer, then its end; leaving the loop early ends the computing."""
        loop, gone = asyncio.get_running_loop(), threading.Event()
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        def tell(piece: str) -> None:
            if piece:
                loop.call_soon_threadsafe(queue.put_nowait, piece)

        done = loop.run_in_executor(self._one, self._model.generate, asked, ids, tell, gone)
        done.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (piece := await queue.get()) is not None:
                yield piece
            yield done.result()
        finally:
            gone.set()
            done.cancel()  # where it still waits for its turn


async def _events(asked: Asked, pieces: AsyncIterator[str | Finish]) -> AsyncIterator[str]:
    """An answer as server-sent events in OpenAI's form."""
    head = _head(asked, "chat.completion.chunk")
    yield _event(head, {"role": "assistant", "content": ""})
    async for piece in pieces:
        if not isinstance(piece, Finish):
            yield _event(head, {"content": piece})
            continue
        yield _event(head, {}, piece.reason)
        if asked.stream_options and asked.stream_options.include_usage:
            yield _line(head | {"choices": [], "usage": _usage(piece)})
    yield "data: [DONE]\n\n"


def _event(head: Chunk, delta: dict[str, str], finish: str | None = None) -> str:
    return _line(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _line(chunk: Chunk) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _head(asked: Asked, kind: str) -> Chunk:
    name = f"chatcmpl-{secrets.token_hex(12)}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": asked.adapter}


def _usage(finish: Finish) -> dict[str, int]:
    prompt, completion = finish.prompt_tokens, finish.completion_tokens
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return counts | {"total_tokens": prompt + completion}


def create(model: Model, key: str) -> FastAPI:
    """The application with its routes, closed to all who do not have the key."""
    routes = Routes(model)
    app = application(key)
    app.add_api_route("/health", routes.health)
    app.add_api_route("/next-token", routes.next_token, methods=["POST"])
    app.add_api_route("/v1/chat/completions", routes.chat, methods=["POST"], response_model=None)
    return app


def main() -> None:
    """Load, tell the address, answer until standard input ends."""
    given = started()
    from safetensors import SafetensorError

    settings = PromptSettings(**{field.name: given[field.name] for field in fields(PromptSettings)})
    try:
        model = SoftPrompted(settings)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        sys.exit(f"{type(error).__name__}: {error}")  # what the library printed stands above it
    listen(create(model, given["key"]))


if __name__ == "__main__":
    main()

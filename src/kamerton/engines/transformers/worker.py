"""The transformers engine's own process: soft prompts behind llama.cpp's HTTP routes.

Run as `python -m kamerton.engines.transformers.worker`, by the rules of `engines.child`.
It answers one chat at a time, the others wait in turn; an answer ends when its client leaves.
Routes, all with the bearer key: POST /v1/chat/completions (plain and streamed), POST /next-token
(log-probabilities, for the proof at the start), GET /health.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from kamerton.engines.child_server import (
    application,
    listen,
    settings_from_parent,
    while_connected,
)
from kamerton.engines.openai_api import (
    DONE,
    ChatRequest,
    envelope,
    event,
    head,
    parse,
    parse_json,
    plain_messages,
    refuse,
    refuse_unknown,
    usage,
)
from kamerton.engines.protocol import Json
from kamerton.engines.transformers.engine import SoftPromptSettings
from kamerton.engines.transformers.soft_prompts import Finish, SoftPrompted


class Routes:
    """The model behind HTTP; one thread computes, so one answer is made at a time."""

    def __init__(self, model: SoftPrompted) -> None:
        self._model = model
        self._one = ThreadPoolExecutor(1)

    async def health(self) -> dict[str, str]:
        """GET /health: the process is loaded and listens."""
        return {"status": "ok"}

    async def next_token(self, request: Request) -> dict[int, float]:
        """POST /next-token: {"prompt", "model" (null: the bare base)} to log-probabilities."""
        body = parse_json(await request.body())
        loop, model = asyncio.get_running_loop(), self._model
        return await loop.run_in_executor(
            self._one, model.next_token, body["prompt"], body["model"]
        )

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        chat = read(parse_json(await request.body()))
        ids = self._model.tokens(plain_messages(chat, "transformers"))
        self._model.room(ids, chat.limit)  # too long is told before the first token
        if chat.stream:
            events = _events(chat, self._texts(chat, ids))
            return StreamingResponse(events, media_type="text/event-stream")
        return JSONResponse(await while_connected(request, self.complete(chat, ids)))

    async def complete(self, chat: ChatRequest, ids: list[int]) -> Json:
        """A whole answer to the prompt `ids`; cancelled, it is computed no further."""
        *texts, finish = [text async for text in self._texts(chat, ids)]
        assert isinstance(finish, Finish)
        message = {"role": "assistant", "content": "".join(map(str, texts))}
        choice = {"index": 0, "message": message, "finish_reason": finish.reason}
        counts = finish.prompt_tokens, finish.completion_tokens
        return envelope(chat.model, [choice], *counts, chat=True)

    async def _texts(self, chat: ChatRequest, ids: list[int]) -> AsyncIterator[str | Finish]:
        """The texts of an answer, then its end; leaving the loop early ends the computing."""
        loop, cancelled = asyncio.get_running_loop(), threading.Event()
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        def on_text(text: str) -> None:
            if text:
                loop.call_soon_threadsafe(queue.put_nowait, text)

        done = loop.run_in_executor(self._one, self._model.generate, chat, ids, on_text, cancelled)
        done.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (text := await queue.get()) is not None:
                yield text
            yield done.result()
        finally:
            cancelled.set()
            done.cancel()  # where it still waits for its turn


def read(body: Any) -> ChatRequest:
    """A request, checked; ApiError (400) names the field, also one that would be ignored."""
    chat = parse(body, ChatRequest)
    refuse_unknown(chat, "transformers")
    if chat.n not in (None, 1):
        refuse("n", "one answer a request")
    return chat


async def _events(chat: ChatRequest, texts: AsyncIterator[str | Finish]) -> AsyncIterator[str]:
    """An answer as server-sent events in OpenAI's form."""
    first = head(chat.model, "chat.completion.chunk")

    def chunk(delta: dict[str, str], finish: str | None = None) -> str:
        return event(first | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    async for text in texts:
        if not isinstance(text, Finish):
            yield chunk({"content": text})
            continue
        yield chunk({}, text.reason)
        if chat.stream_options and chat.stream_options.include_usage:
            counts = usage(text.prompt_tokens, text.completion_tokens)
            yield event(first | {"choices": [], "usage": counts})
    yield DONE


def create(model: SoftPrompted, key: str) -> FastAPI:
    """The application with its routes, closed to all who do not have the key."""
    routes = Routes(model)
    app = application(key)
    app.add_api_route("/health", routes.health)
    app.add_api_route("/next-token", routes.next_token, methods=["POST"])
    app.add_api_route("/v1/chat/completions", routes.chat, methods=["POST"], response_model=None)
    return app


def main() -> None:
    """Load, on_text the address, answer until standard input ends."""
    given = settings_from_parent()
    from safetensors import SafetensorError

    names = [field.name for field in fields(SoftPromptSettings)]
    settings = SoftPromptSettings(**{name: given[name] for name in names})
    try:
        model = SoftPrompted(settings)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        sys.exit(f"{type(error).__name__}: {error}")  # what the library printed stands above it
    listen(create(model, given["key"]))


if __name__ == "__main__":
    main()

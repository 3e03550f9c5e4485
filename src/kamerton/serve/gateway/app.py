"""The gateway: /v1/models, /v1/chat/completions, /health."""

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from kamerton.engines.child_server import error_response, while_connected
from kamerton.engines.openai_api import (
    DONE,
    ENGINE_FIELDS,
    ApiError,
    ChatRequest,
    Message,
    event,
    parse,
    parse_json,
)
from kamerton.engines.protocol import Json, Request
from kamerton.serve.gateway.arms import Arm, Arms
from kamerton.serve.retrieval import Retriever, build_chat, question

_FRESH = 5.0
"""Seconds for which a proof of health is believed."""
_OWN_FIELDS = {"model", "messages", "stream", *ENGINE_FIELDS}
"""Fields of a request that the gateway decides; all others pass through to the engine."""


class Gateway:
    """The arms of a server behind the OpenAI API."""

    def __init__(self, arms: Arms, retriever: Retriever | None = None, passages: int = 1) -> None:
        """`passages`: how many of them retrieval puts before a question."""
        self.arms, self._retriever, self._passages = arms, retriever, passages
        self._health: tuple[float, dict[str, str]] = (0.0, {})

    async def models(self) -> Json:
        """GET /v1/models."""
        rows = [{"id": name, "object": "model", "owned_by": "kamerton"} for name in self.arms.ids]
        return {"object": "list", "data": rows}

    async def chat(self, request: HttpRequest) -> Response:
        """POST /v1/chat/completions."""
        chat = parse(parse_json(await request.body()), ChatRequest)
        if not chat.model:
            raise ApiError(400, "model: the id of one of /v1/models is needed", param="model")
        if chat.n not in (None, 1):
            raise ApiError(400, "n: one answer a request; ask again for another", param="n")
        if not chat.stream:
            return JSONResponse(await while_connected(request, self.complete(chat)))
        chunks = self.stream(chat)
        first = await anext(chunks)  # an error before the first token is still a status
        return StreamingResponse(_events(first, chunks), media_type="text/event-stream")

    async def complete(self, chat: ChatRequest) -> Json:
        """One whole answer."""
        with self.arms.use(chat.model) as arm:
            request, extra = await self._request(chat, arm)
            return await arm.engine.complete(request) | {"model": arm.id} | extra

    async def stream(self, chat: ChatRequest) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        with self.arms.use(chat.model) as arm:
            request, extra = await self._request(chat, arm)
            async for chunk in arm.engine.stream(request):
                yield chunk | {"model": arm.id} | extra
                extra = {}  # in the first one only

    async def _request(self, chat: ChatRequest, arm: Arm) -> tuple[Request, Json]:
        """What the arm's engine is asked, and what the answer tells of the passages in it."""
        passages = []
        if arm.retrieval and self._retriever:
            text = question(chat.messages)
            passages = await asyncio.to_thread(self._retriever.find, text, self._passages)
        body = chat.model_dump(exclude_unset=True, exclude=_OWN_FIELDS)
        body["messages"] = build_chat(chat.messages, arm.system, passages)
        names = {"kamerton": {"passages": [passage.id for passage in passages]}}
        return Request(body, arm.model, arm.id), names if arm.retrieval else {}

    async def health(self) -> JSONResponse:
        """GET /health: every arm answers one token, or 503 and which one does not."""
        made, state = self._health
        if time.monotonic() - made > _FRESH or list(state) != self.arms.ids:
            state = {arm.id: await self._state(arm) for arm in self.arms}
            self._health = (time.monotonic(), state)
        good = all(value == "ok" for value in state.values())
        status = {"status": "ok" if good else "unavailable", "models": state}
        return JSONResponse(status, 200 if good else 503)

    async def _state(self, arm: Arm) -> str:
        message = Message(role="user", content="?")
        chat = ChatRequest(model=arm.id, messages=[message], max_tokens=1)
        try:
            await asyncio.wait_for(self.complete(chat), 30)
        except ApiError as error:
            return error.message
        except TimeoutError:
            return "no answer within 30 seconds"
        return "ok"


async def _events(first: Json, rest: AsyncIterator[Json]) -> AsyncIterator[str]:
    yield event(first)
    try:
        async for chunk in rest:
            yield event(chunk)
    except ApiError as error:
        yield event(error.body())
    yield DONE


def create(gateway: Gateway) -> FastAPI:
    """The application with its routes."""
    app = FastAPI(title="Kamerton")
    app.add_api_route("/v1/models", gateway.models)
    app.add_api_route("/v1/chat/completions", gateway.chat, methods=["POST"], response_model=None)
    app.add_api_route("/health", gateway.health, response_model=None)
    app.add_exception_handler(ApiError, error_response)
    return app

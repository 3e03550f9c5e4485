"""The gateway: /v1/models, /v1/chat/completions, /health."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from kamerton.engines.errors import ApiError
from kamerton.engines.listening import while_connected
from kamerton.engines.request import Turn
from kamerton.formats.serving import ServingSpec
from kamerton.serve.arms import Arm, arms
from kamerton.serve.gateway.prompt import OWN_FIELDS, ChatRequest, build, parse, question
from kamerton.serve.gateway.upstream import Upstream
from kamerton.serve.retrieval import Retriever

_FRESH = 5.0
"""Seconds for which a proof of health is believed."""


class Gateway:
    """One served folder behind the OpenAI API."""

    def __init__(
        self, spec: ServingSpec, upstream: Upstream, retriever: Retriever | None, passages: int
    ) -> None:
        self._spec, self._upstream = spec, upstream
        self._retriever, self._passages = retriever, passages
        self.arms = arms(spec)
        self._proof: tuple[float, dict[str, str]] = (0.0, {})

    async def models(self) -> dict[str, Any]:
        """GET /v1/models."""
        rows = [{"id": name, "object": "model", "owned_by": "kamerton"} for name in self.arms]
        return {"object": "list", "data": rows}

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        try:
            asked = parse(json.loads(await request.body()))
        except ValueError as error:
            raise ApiError(400, "the body is not JSON") from error
        arm = self._arm(asked.model)
        body, found = await self._body(asked, arm)
        extra = {"kamerton": {"passages": found}} if arm.retrieval else {}
        if not asked.stream:
            answer = await while_connected(request, self._upstream.complete(arm, body))
            return JSONResponse(answer | extra)
        chunks = self._upstream.stream(arm, body)
        first = await anext(chunks)  # an error before the first token is still a status
        events = _events(first | extra, chunks)
        return StreamingResponse(events, media_type="text/event-stream")

    def _arm(self, model: str) -> Arm:
        if model not in self.arms:
            known = ", ".join(self.arms)
            message = f"the model '{model}' does not exist; there are: {known}"
            raise ApiError(404, message, param="model", code="model_not_found")
        return self.arms[model]

    async def _body(self, asked: ChatRequest, arm: Arm) -> tuple[dict[str, Any], list[str]]:
        found = []
        if arm.retrieval and self._retriever:
            text = question(asked.messages)
            found = await asyncio.to_thread(self._retriever.find, text, self._passages)
        others = {k: v for k, v in (asked.model_extra or {}).items() if k not in OWN_FIELDS}
        system = self._spec.systems.get(arm.adapter or "", self._spec.system)
        chat = build(asked.messages, system, found)
        return others | {"messages": chat}, [chunk.id for chunk in found]

    async def health(self) -> JSONResponse:
        """GET /health: every arm answers one token, or 503 and which one does not."""
        made, state = self._proof
        if time.monotonic() - made > _FRESH:
            state = {name: await self._ask(arm) for name, arm in self.arms.items()}
            self._proof = (time.monotonic(), state)
        good = all(value == "ok" for value in state.values())
        status = {"status": "ok" if good else "unavailable", "models": state}
        return JSONResponse(status, 200 if good else 503)

    async def _ask(self, arm: Arm) -> str:
        asked = ChatRequest(model=arm.id, messages=[Turn(role="user", content="?")])
        try:
            body = {**(await self._body(asked, arm))[0], "max_tokens": 1}
            await asyncio.wait_for(self._upstream.complete(arm, body), 30)
        except ApiError as error:
            return error.message
        except TimeoutError:
            return "no answer within 30 seconds"
        return "ok"


async def _events(first: dict[str, Any], rest: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    yield f"data: {json.dumps(first, ensure_ascii=False)}\n\n"
    try:
        async for chunk in rest:
            yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
    except ApiError as error:
        yield f"data: {json.dumps(error.body())}\n\n"
    yield "data: [DONE]\n\n"


def create(gateway: Gateway, upstream: Upstream) -> FastAPI:
    """The application with its routes."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await upstream.close()

    app = FastAPI(title="Kamerton", lifespan=lifespan)
    app.add_api_route("/v1/models", gateway.models)
    app.add_api_route("/v1/chat/completions", gateway.chat, methods=["POST"], response_model=None)
    app.add_api_route("/health", gateway.health, response_model=None)

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status)

    return app

"""A model server of a few lines whose answers a function gives, on a real port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from listening import listening

Answer = tuple[str, str] | None
"""Text and finish reason; None where the prompt is too long for the context."""


@dataclass
class Answering:
    """The state of a running server."""

    arms: list[str]
    answer: Callable[[str, list[dict[str, str]]], Answer]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def chat(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.bodies.append(body)
        said = self.answer(body["model"], body["messages"])
        if said is None:
            error = {"message": "too many tokens", "type": "exceed_context_size_error"}
            return JSONResponse({"error": error}, 400)
        message = {"role": "assistant", "content": said[0]}
        usage = {"prompt_tokens": 9, "completion_tokens": 5}
        choices = [{"message": message, "finish_reason": said[1]}]
        return JSONResponse({"choices": choices, "usage": usage})

    async def models(self, request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": arm} for arm in self.arms]})


class Serves(Protocol):
    """A model server's replies."""

    url: str

    async def chat(self, request: Request) -> JSONResponse: ...
    async def models(self, request: Request) -> JSONResponse: ...


@contextmanager
def serving(state: Serves) -> Iterator[None]:
    """The server runs, and knows its address."""
    routes = [
        Route("/v1/chat/completions", state.chat, methods=["POST"]),
        Route("/v1/models", state.models),
    ]
    with listening(routes) as url:
        state.url = url.removesuffix("/v1")
        yield


@contextmanager
def answering(
    arms: list[str], answer: Callable[[str, list[dict[str, str]]], Answer]
) -> Iterator[Answering]:
    """A running server; ended with the block."""
    state = Answering(arms, answer)
    with serving(state):
        yield state

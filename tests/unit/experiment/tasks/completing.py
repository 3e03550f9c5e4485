"""A completions server of a few lines whose answers a function gives, on a real port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from kamerton.client.connection import Endpoint, Model, first_model
from listening import listening

Answer = Callable[[dict[str, Any]], "str | int"]
"""From a request's body to the text of its answer, or to the status of a refusal."""


@dataclass
class Completing:
    """The state of a running server."""

    answer: Answer
    fingerprint: str = "weights1"
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def complete(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.bodies.append(body)
        said = self.answer(body)
        if isinstance(said, int):
            return JSONResponse({"error": {"message": "no"}}, said)
        usage = {"prompt_tokens": 9, "completion_tokens": 5}
        return JSONResponse({"choices": [{"text": said, "finish_reason": "stop"}], "usage": usage})

    async def models(self, request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "m", "fingerprint": self.fingerprint}]})


def served(url: str, concurrency: int = 256) -> Model:
    """The model of a server, as `kamerton eval` takes it."""
    return first_model(Endpoint(url, timeout=None, concurrency=concurrency))


@contextmanager
def completing(answer: Answer) -> Iterator[Completing]:
    """A running server; ended with the block."""
    state = Completing(answer)
    routes = [
        Route("/v1/completions", state.complete, methods=["POST"]),
        Route("/v1/models", state.models),
    ]
    with listening(routes) as state.url:
        yield state

"""A server that scores prompts by a function: each character is a token, its code the id."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from listening import listening

Likely = Callable[[str, str], float]
"""From the text before a character, and it, to its log-probability."""
BEGIN = 1


@dataclass
class Echoing:
    """The state of a running server."""

    likely: Likely
    room: int = 400
    prefix: int | None = BEGIN
    url: str = ""
    prompts: list[str] = field(default_factory=list)
    refuse: str = ""
    """A prompt with this text in it is refused."""
    shift: int = 0
    """So many scores too few are told."""

    async def score(self, request: Request) -> JSONResponse:
        body = await request.json()
        assert body["echo"] and body["logprobs"] == 1 and body["max_tokens"] == 0
        text = "".join(map(chr, body["prompt"]))
        self.prompts.append(text)
        if self.refuse and self.refuse in text:
            return JSONResponse({"error": {"message": "no"}}, 400)
        scores = [self.likely(text[:at], text[at]) for at in range(1, len(text))]
        told = {
            "tokens": list(text),
            "token_logprobs": [None, *scores][self.shift :],
            "top_logprobs": [None, *({"x": max(score, -1.0)} for score in scores)][self.shift :],
            "text_offset": list(range(len(text))),
        }
        return JSONResponse({"choices": [{"text": text, "logprobs": told}]})

    async def tokenize(self, request: Request) -> JSONResponse:
        body = await request.json()
        ids = [ord(one) for one in body["prompt"]]
        told = {"count": len(ids), "max_model_len": self.room, "tokens": ids}
        return JSONResponse(told | {"prefix_token": self.prefix})

    async def models(self, request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "m", "fingerprint": "weights1"}]})


@contextmanager
def echoing(likely: Likely, **given: Any) -> Iterator[Echoing]:
    """A running server; ended with the block."""
    state = Echoing(likely, **given)
    routes = [
        Route("/v1/completions", state.score, methods=["POST"]),
        Route("/tokenize", state.tokenize, methods=["POST"]),
        Route("/v1/models", state.models),
    ]
    with listening(routes) as state.url:
        yield state

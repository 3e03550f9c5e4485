"""Models of another server behind the OpenAI API: Ollama, vLLM, llama-server, a hosted one.

Everything of a request passes through, and what the server refuses is the client's error; its
templates, tools and caches are its own affair.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kamerton.client.concurrent import run
from kamerton.client.connection import Connection, Endpoint, Model, api_key, models
from kamerton.engines.http import HttpClient
from kamerton.engines.protocol import Capabilities, Json, Request
from kamerton.formats.errors import InputError

_EVERYTHING = Capabilities(
    completions=True,
    logprobs=True,
    prompt_logprobs=True,
    tools=True,
    json_schema=True,
    images=True,
)
"""What a server cannot do it says itself."""
_PATIENCE = 30.0
"""Seconds in which a server must list its models."""


@dataclass(frozen=True)
class RemoteSettings:
    """Where the server is, and which of its models are asked."""

    base_url: str
    """With its /v1."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Name here to the model's id there; empty: all that it offers, by their ids."""
    api_key_env: str = ""
    """Name of the environment variable that holds its key; empty: it needs none."""


class Remote:
    """Another server's models behind the Protocol of engines."""

    capabilities = _EVERYTHING

    def __init__(self, settings: RemoteSettings) -> None:
        """InputError where the key is missing or the address is none; nothing is asked yet."""
        key = api_key(settings.api_key_env)
        self.settings, self.title = settings, settings.base_url
        self._endpoint = Endpoint(settings.base_url, key, timeout=_PATIENCE)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._models = dict(settings.models)
        self._http = HttpClient(f"{settings.base_url} does not answer", settings.base_url)

    @property
    def models(self) -> tuple[str | None, ...]:
        """As the settings name them; without names there, known once it has started."""
        return tuple(self._models)

    def start(self) -> None:
        """See that the server is there with its models; InputError where it is not."""
        offered = [model.id for model in models(self._endpoint)]
        self._models = self._models or {id: id for id in offered}
        missing = sorted(set(self._models.values()) - set(offered))
        if missing or not offered:
            named = ", ".join(missing) or "-"
            where, offers = self.settings.base_url, ", ".join(offered) or "-"
            raise InputError("engines.no_such_model", where=where, models=named, offered=offers)

    def watch(self) -> None:
        """Nothing: whoever runs the server does."""

    def stop(self) -> None:
        """Nothing: the server goes on."""

    async def complete(self, request: Request) -> Json:
        """One whole answer."""
        return await self._http.complete(*self._to(request))

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        async for chunk in self._http.stream(*self._to(request)):
            yield chunk

    def next_token(self, model: str | None, prompt: str) -> Mapping[int, float]:
        """None: no model of it is an adaptation of another that it tells of."""
        return {}

    def _to(self, request: Request) -> tuple[str, Json, Mapping[str, str]]:
        """Address, body and headers of a request."""
        assert request.model is not None
        url = self.settings.base_url.rstrip("/") + request.route.removeprefix("/v1")
        return url, request.body | {"model": self._models[request.model]}, self._headers


def is_address(model: str) -> bool:
    """Whether a model is named by the address of its server."""
    return model.startswith(("http://", "https://"))


def model_at(address: str, api_key_env: str = "") -> Model:
    """The model of an address, `http://127.0.0.1:11434/v1#NAME`; without a name the first one.

    InputError where the server does not answer, or has no such model.
    """
    base_url, _, name = address.partition("#")
    offered = models(Endpoint(base_url, api_key(api_key_env)))
    chosen = [model for model in offered if name in ("", model.id)]
    if not chosen:
        named = ", ".join(model.id for model in offered) or "-"
        raise InputError("engines.no_such_model", where=base_url, models=name, offered=named)
    return chosen[0]


def capabilities_of(model: Model) -> Capabilities:
    """What a server does with a model, seen by asking it for a token of each; blocking.

    Of what only a whole conversation shows (tools, schemas, pictures) it promises nothing.
    """

    async def ask() -> Capabilities:
        scored = {"prompt": "one two", "max_tokens": 1, "temperature": 0}
        scored |= {"echo": True, "logprobs": 1}
        async with Connection(model.endpoint) as server:
            return Capabilities(
                chat=await _can(server, "chat/completions", model, _CHAT, _is_chat),
                completions=await _can(server, "completions", model, _TEXT, _is_text),
                prompt_logprobs=await _can(server, "completions", model, scored, _has_scores),
            )

    return run(ask())


_CHAT: Json = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 1}
_TEXT: Json = {"prompt": "one two", "max_tokens": 1}


async def _can(
    server: Connection, route: str, model: Model, body: Json, answers: Callable[[Json], bool]
) -> bool:
    """Whether a server answers such a request with what was asked for."""
    try:
        reply = await server.post(route, body | {"model": model.id})
    except InputError as error:
        if error.key != "client.denied":  # 404: it has no such route
            raise
        return False
    if reply.fault == "refused":
        return False

    def read(content: bytes) -> bool:
        try:
            return answers(json.loads(content)["choices"][0])
        except (ValueError, LookupError, TypeError, AttributeError):
            return False

    return server.read(reply, read)


def _is_chat(choice: Json) -> bool:
    return isinstance(choice["message"], dict)


def _is_text(choice: Json) -> bool:
    return isinstance(choice["text"], str)


def _has_scores(choice: Json) -> bool:
    """Whether the prompt's tokens stand in the answer with their scores, the first one without."""
    scores: list[Any] = choice["logprobs"]["token_logprobs"]
    return len(scores) > 1 and isinstance(scores[1], float) and choice["text"].startswith("one")

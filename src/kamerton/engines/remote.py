"""Models of another server behind the OpenAI API: Ollama, vLLM, llama-server, a hosted one.

Everything of a request passes through, and what the server refuses is the client's error; its
templates, tools and caches are its own affair.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from kamerton.client.connection import Endpoint, api_key, models
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

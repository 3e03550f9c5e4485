"""What serving knows of an engine: a request in, a whole answer or a stream of deltas out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; a request for more is a 400 that says so."""

    chat: bool = True
    """Chats (/v1/chat/completions): it has a chat template."""
    completions: bool = False
    """Texts without a chat template (/v1/completions)."""
    logprobs: bool = False
    """Log-probabilities of an answer's tokens."""
    prompt_logprobs: bool = False
    """Those of a prompt's tokens (`echo`): scoring."""
    tools: bool = False
    json_schema: bool = False
    images: bool = False
    adapters: bool = False
    """Its models are adaptations of a base, and `next_token` tells what they do."""
    bare_base: bool = False
    """It holds that base too: None, for `next_token`. A merged model has none beside it."""


@dataclass(frozen=True)
class Request:
    """One request for an engine."""

    body: Json
    """In OpenAI's form: `messages` or `prompt`, and what decides the sampling."""
    model: str | None = None
    """One of the engine's models."""
    arm: str = ""
    """Who asks: an engine never computes the answer of one arm from the cache of another."""

    @property
    def route(self) -> str:
        """The route of the API that such a request goes to."""
        return "/v1/chat/completions" if "messages" in self.body else "/v1/completions"


class Engine(Protocol):
    """Something that answers for one or several models.

    Templates, parsing of tools, slots and caches are its own. Cancelling `complete`, or leaving
    the loop over `stream`, ends the computing. Errors are `ApiError`s.
    """

    title: str
    """Of its kind, for people: llama.cpp."""

    @property
    def models(self) -> tuple[str | None, ...]:
        """Names of its models; None: the base of the folder. Known once it has started."""

    @property
    def capabilities(self) -> Capabilities:
        """Known once it has started."""

    def start(self) -> None:
        """Begin, and wait until it can answer; InputError where it cannot."""

    def watch(self) -> None:
        """From now on begin again whenever it dies."""

    def stop(self) -> None:
        """End it; nothing begins again."""

    async def complete(self, request: Request) -> Json:
        """One whole answer in OpenAI's form."""

    def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer in OpenAI's form, as they come."""

    def next_token(self, model: str | None, prompt: str) -> Mapping[int, float]:
        """Log-probabilities of the likeliest next tokens by token id, in nats; blocking.

        For the proof at the start that adaptations act; None is the bare base, where it has one.
        """

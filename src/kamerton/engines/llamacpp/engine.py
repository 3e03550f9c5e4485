"""llama.cpp in a supervised child process: one model file, and LoRA adapters on it.

Its caches do not know adapters (ggml-org/llama.cpp#26207): a request that names no adapter gets
what the slot's last request left. So every request carries the whole list of adapters, explicitly,
and a slot's state is gone on from by the arm that left it alone.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from kamerton.engines.child import ChildProcess
from kamerton.engines.http import HttpClient
from kamerton.engines.llamacpp.slots import Lease, Slots
from kamerton.engines.openai_api import readable
from kamerton.engines.protocol import Capabilities, Json, Request

_WORKER = "kamerton.engines.llamacpp.worker"
_QUEUE = 64
"""Requests that may wait for a slot."""


@dataclass(frozen=True)
class LlamaCppSettings:
    """What the engine loads, and how wide it runs."""

    model: str
    """A GGUF file."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """Name to the GGUF file of a LoRA adapter on it."""
    context: int = 1024
    """Tokens of prompt and answer together that each slot has room for."""
    slots: int = 1
    """Answers computed at the same time."""
    threads: int = 1
    name: str | None = None
    """The name of the model without an adapter; None: it is the base."""


class LlamaCpp:
    """A model file and its adapters behind the Protocol of engines."""

    title = "llama.cpp"

    def __init__(self, settings: LlamaCppSettings, queue: int = _QUEUE) -> None:
        """Nothing is loaded before `start`. `queue`: requests that may wait for a slot."""
        self.settings = settings
        self.process = ChildProcess(_WORKER, worker_settings(settings), where=settings.model)
        self.capabilities = Capabilities()
        self._slots = Slots(settings.slots, queue)
        self._http = HttpClient("the engine is starting again")

    @property
    def models(self) -> tuple[str | None, ...]:
        """The model without an adapter first."""
        return (self.settings.name, *self.settings.adapters)

    def start(self) -> None:
        """Load, and learn what the chat template can do; InputError where it cannot load."""
        self.process.start()
        self.capabilities = _capabilities(self.process.get("/props"), self.settings)

    def watch(self) -> None:
        """Restart the process whenever it dies."""
        self.process.watch()

    def stop(self) -> None:
        """End the process."""
        self.process.stop()

    async def complete(self, request: Request) -> Json:
        """One whole answer."""
        body = readable(request.body, self.capabilities, self.title)
        async with self._lease(request, body) as lease:
            url = self.process.address + request.route
            return await self._http.complete(
                url, self._placed(body, request, lease), self.process.headers
            )

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        body = readable(request.body, self.capabilities, self.title)
        async with self._lease(request, body) as lease:
            url = self.process.address + request.route
            whole = self._placed(body, request, lease)
            async for chunk in self._http.stream(url, whole, self.process.headers):
                yield chunk

    def next_token(self, model: str | None, prompt: str) -> dict[int, float]:
        """Log-probabilities of the ten likeliest next tokens by token id, in nats."""
        body = {"prompt": prompt, "n_predict": 1, "n_probs": 10, "temperature": 0.0}
        body |= {"cache_prompt": False, "ignore_eos": True, "lora": self._scales(model)}
        first = self.process.post("/completion", body)["completion_probabilities"][0]
        return {int(t["id"]): float(t["logprob"]) for t in first["top_logprobs"]}

    def _scales(self, model: str | None) -> list[dict[str, float]]:
        return scales(model, tuple(self.settings.adapters))

    def _lease(self, request: Request, body: Json) -> AbstractAsyncContextManager[Lease]:
        return self._slots.lease(request.arm, _prompt_text(body), self.process.starts)

    def _placed(self, body: Json, request: Request, lease: Lease) -> Json:
        cache = {"id_slot": lease.slot, "cache_prompt": not lease.fresh}
        return body | cache | {"lora": self._scales(request.model)}


def worker_settings(settings: LlamaCppSettings) -> dict[str, Any]:
    """What the worker is told on its standard input."""
    return {
        "model": settings.model,
        "adapters": list(settings.adapters.values()),
        "context": settings.context,
        "slots": settings.slots,
        "threads": settings.threads,
    }


def scales(adapter: str | None, adapters: tuple[str, ...]) -> list[dict[str, float]]:
    """The full list of adapters with 1 for the one that is on and 0 for the others."""
    return [
        {"id": index, "scale": 1.0 if name == adapter else 0.0}
        for index, name in enumerate(adapters)
    ]


def _capabilities(properties: Json, settings: LlamaCppSettings) -> Capabilities:
    """Of a loaded model: what its chat template shows to it, and what it sees."""
    template = properties.get("chat_template_caps") or {}
    return Capabilities(
        completions=True,
        logprobs=True,
        tools=bool(template.get("supports_tools") and template.get("supports_tool_calls")),
        json_schema=True,
        images=bool((properties.get("modalities") or {}).get("vision")),
        adapters=True,
        bare_base=settings.name is None,
    )


def _prompt_text(body: Json) -> str:
    """The prompt as one text, good enough to tell which slot's state is most alike."""
    if "messages" not in body:
        return str(body["prompt"])
    return "\n".join(f"{turn['role']}\n{turn.get('content')}" for turn in body["messages"])

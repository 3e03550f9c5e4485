"""Soft prompts: a float base in transformers, in a supervised child process.

llama.cpp takes no embeddings from outside, so prompt-tuning adapters run where they were trained.
One process holds the base once and every soft prompt on it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from kamerton.engines.child import ChildProcess
from kamerton.engines.http import HttpClient
from kamerton.engines.openai_api import ApiError
from kamerton.engines.protocol import Capabilities, Json, Request

_WORKER = "kamerton.engines.transformers.worker"
_DEADLINE = 600.0
"""Seconds: float weights are four times those of a GGUF, and read whole."""
_QUEUE = 64
"""Requests that may wait for their turn."""


@dataclass(frozen=True)
class SoftPromptSettings:
    """What the engine loads, and how wide it runs."""

    weights: str
    """Folder of the float base, with its tokenizer."""
    adapters: dict[str, str]
    """Name to a PEFT adapter's `.safetensors`, its `adapter_config.json` beside it."""
    template: str
    """Chat template, by its name in `kamerton.formats.templates`."""
    context: int
    """Tokens of prompt and answer together; the soft prompt's are not counted."""
    threads: int


class Transformers:
    """A float base's soft prompts behind the Protocol of engines; one answer at a time."""

    title = "transformers"
    capabilities = Capabilities(adapters=True, bare_base=True)

    def __init__(self, settings: SoftPromptSettings, queue: int = _QUEUE) -> None:
        """Nothing is loaded before `start`. `queue`: requests that may wait for their turn."""
        self.settings = settings
        self.process = ChildProcess(_WORKER, asdict(settings), settings.weights, _DEADLINE)
        self._queue, self._waiting = queue, 0
        self._turn = asyncio.Lock()
        self._http = HttpClient("the engine is starting again")

    @property
    def models(self) -> tuple[str | None, ...]:
        """The soft prompts; its bare base is there for the proof only."""
        return tuple(self.settings.adapters)

    def start(self) -> None:
        """Load the base and all soft prompts; InputError where it cannot."""
        self.process.start()

    def watch(self) -> None:
        """Restart the process whenever it dies."""
        self.process.watch()

    def stop(self) -> None:
        """End the process."""
        self.process.stop()

    async def complete(self, request: Request) -> Json:
        """One whole answer."""
        body = request.body | {"model": request.model}
        async with self._in_turn():
            url = self.process.address + request.route
            return await self._http.complete(url, body, self.process.headers)

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        body = request.body | {"model": request.model}
        async with self._in_turn():
            url = self.process.address + request.route
            async for chunk in self._http.stream(url, body, self.process.headers):
                yield chunk

    def next_token(self, model: str | None, prompt: str) -> dict[int, float]:
        """Log-probabilities of the ten likeliest next tokens by id, in nats; None: bare base."""
        top = self.process.post("/next-token", {"prompt": prompt, "model": model})
        return {int(token): float(logprob) for token, logprob in top.items()}

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        if self._waiting > self._queue:  # who is answered counts as one of them
            raise ApiError(503, "the queue is full; try again later", "overloaded_error")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

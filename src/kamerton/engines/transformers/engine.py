"""Soft prompts: a float base in transformers, in a supervised child process.

llama.cpp takes no embeddings from outside, so prompt-tuning adapters run where they were trained.
One process holds the base once and every soft prompt on it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from kamerton.engines.child import ChildEngine
from kamerton.engines.openai_api import ApiError, readable
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


class Transformers(ChildEngine):
    """A float base's soft prompts behind the Protocol of engines; one answer at a time."""

    title = "transformers"
    capabilities = Capabilities(adapters=True, bare_base=True)

    def __init__(self, settings: SoftPromptSettings, queue: int = _QUEUE) -> None:
        """Nothing is loaded before `start`. `queue`: requests that may wait for their turn."""
        super().__init__(_WORKER, asdict(settings), settings.weights, _DEADLINE)
        self.settings = settings
        self._queue, self._waiting = queue, 0
        self._turn = asyncio.Lock()

    @property
    def models(self) -> tuple[str | None, ...]:
        """The soft prompts; its bare base is there for the proof only."""
        return tuple(self.settings.adapters)

    def next_token(self, model: str | None, prompt: str) -> dict[int, float]:
        """Log-probabilities of the ten likeliest next tokens by id, in nats; None: bare base."""
        top = self.post("/next-token", {"prompt": prompt, "model": model})
        return {int(token): float(logprob) for token, logprob in top.items()}

    @asynccontextmanager
    async def _placed(self, request: Request) -> AsyncIterator[Json]:
        body = readable(request.body, self.capabilities, self.title)
        if self._waiting > self._queue:  # who is answered counts as one of them
            raise ApiError(503, "the queue is full; try again later", "overloaded_error")
        self._waiting += 1
        try:
            async with self._turn:
                yield body | {"model": request.model}
        finally:
            self._waiting -= 1

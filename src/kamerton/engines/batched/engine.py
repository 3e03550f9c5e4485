"""The batched engine in a supervised child process: one float32 model, many answers at a time.

For evaluation on a CPU: what many prompts have in common is computed once, samples fork it, slots
are refilled at once. It speaks /v1 itself (docs of `batched.worker`), with a bearer key.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from kamerton.engines.child import ChildEngine
from kamerton.engines.openai_api import chunks
from kamerton.engines.protocol import Capabilities, Json, Request

_WORKER = "kamerton.engines.batched.worker"
_DEADLINE = 600.0
"""Seconds: float weights are read whole, hashed, and laid out anew."""


@dataclass(frozen=True)
class BatchedSettings:
    """What the engine loads, and how wide it runs."""

    weights: str
    """Folder of a float model, with its tokenizer."""
    name: str
    """Its model id."""
    adapter: str = ""
    """Folder of a PEFT adapter that can be merged into the weights (LoRA, DoRA); empty: none."""
    template: str = ""
    """Chat template, by its name in `kamerton.formats.templates`; empty: no chats."""
    slots: int = 32
    """Answers computed at the same time."""
    threads: int = 1


class Batched(ChildEngine):
    """One float model behind the Protocol of engines; an answer comes whole, as one delta."""

    title = "batched"

    def __init__(self, settings: BatchedSettings) -> None:
        """Nothing is loaded before `start`."""
        super().__init__(_WORKER, asdict(settings), settings.weights, _DEADLINE)
        self.settings = settings
        self.capabilities = Capabilities(
            chat=bool(settings.template), completions=True, prompt_logprobs=True
        )

    @property
    def models(self) -> tuple[str | None, ...]:
        """Its one model."""
        return (self.settings.name,)

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """A whole answer as the chunks of a stream."""
        for chunk in chunks(await self.complete(request)):
            yield chunk

    def next_token(self, model: str | None, prompt: str) -> Mapping[int, float]:
        """None: it has one model, and nothing to prove of it."""
        return {}


@contextmanager
def running(settings: BatchedSettings) -> Iterator[Batched]:
    """A started engine, ended with the block; InputError where it cannot load."""
    engine = Batched(settings)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()

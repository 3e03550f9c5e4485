"""An engine that answers at once, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from kamerton.engines.openai_api import chunks, envelope
from kamerton.engines.protocol import Capabilities, Json, Request


@dataclass(eq=False)
class FakeEngine:
    """Answers with the name of the model; `gate`, where there is one, must be set first."""

    models: tuple[str | None, ...] = (None,)
    capabilities: Capabilities = field(default_factory=Capabilities)
    next_tokens: Callable[[str | None], Mapping[int, float]] = lambda _: {}
    gate: asyncio.Event | None = None
    requests: list[Request] = field(default_factory=list)
    state: str = "new"
    title: str = "fake"

    def start(self) -> None:
        self.state = "running"

    def watch(self) -> None:
        pass

    def stop(self) -> None:
        self.state = "stopped"

    async def complete(self, request: Request) -> Json:
        self.requests.append(request)
        if self.gate:
            await self.gate.wait()
        message = {"role": "assistant", "content": f"I am {request.model or 'the base'}."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return envelope("engine's own name", [choice], 3, 4, chat=True)

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        first, last = chunks(await self.complete(request))
        yield first
        yield last

    def next_token(self, model: str | None, prompt: str) -> Mapping[int, float]:
        return self.next_tokens(model)

"""Which of the engine's slots answers: no arm ever continues another arm's cache.

A slot keeps the state of its last prompt, and a new prompt that begins alike goes on from there.
Each slot here remembers the arm that used it last. A request takes a free slot of its own arm,
the one whose last prompt is most like its own; else the free slot unused for longest, and then
its cached state must not be used (`fresh`).
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kamerton.engines.openai_api import ApiError


@dataclass
class Slot:
    """One slot of the engine and who used it last."""

    id: int
    arm: str | None = None
    prompt: str = ""
    used: int = 0
    busy: bool = False
    generation: int = 0


@dataclass(frozen=True)
class Lease:
    """A slot lent for one request; `fresh` forbids going on from its cached state."""

    slot: int
    fresh: bool


class Slots:
    """All slots of one engine, with a bounded queue before them."""

    def __init__(self, count: int, queue: int) -> None:
        self._slots = [Slot(i) for i in range(count)]
        self._queue, self._waiting = queue, 0
        self._free = asyncio.Condition()
        self._clock = itertools.count(1)

    @asynccontextmanager
    async def lease(self, arm: str, prompt: str, generation: int) -> AsyncIterator[Lease]:
        """A slot for one request; 503 where the queue is full.

        `generation` counts the engine's starts: after a restart no slot has a state. Where the
        block fails, nobody knows what state is left: the slot then belongs to no arm.
        """
        slot = await self._take(arm, prompt)
        fresh = slot.arm != arm or slot.generation != generation
        slot.arm, slot.prompt = None, ""
        slot.used = next(self._clock)
        try:
            yield Lease(slot.id, fresh)
            slot.arm, slot.prompt, slot.generation = arm, prompt, generation
        finally:
            async with self._free:
                slot.busy = False
                self._free.notify()

    async def _take(self, arm: str, prompt: str) -> Slot:
        async with self._free:
            if self._waiting >= self._queue:
                raise ApiError(503, "the queue is full; try again later", "overloaded_error")
            self._waiting += 1
            try:
                await self._free.wait_for(lambda: any(not slot.busy for slot in self._slots))
            finally:
                self._waiting -= 1
            slot = choose([slot for slot in self._slots if not slot.busy], arm, prompt)
            slot.busy = True
            return slot


def choose(free: list[Slot], arm: str, prompt: str) -> Slot:
    """The free slot whose state helps most, of the own arm; else the one unused for longest."""
    of_arm = [slot for slot in free if slot.arm == arm]
    if of_arm:
        return max(of_arm, key=lambda slot: (shared(slot.prompt, prompt), -slot.used))
    return min(free, key=lambda slot: slot.used)


def shared(one: str, other: str) -> int:
    """Length of the beginning that two texts have in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

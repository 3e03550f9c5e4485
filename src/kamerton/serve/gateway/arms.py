"""The model ids that a gateway offers: each an engine's model, with or without retrieval.

They can change while requests are answered: a removed arm takes no new ones, and those in flight
are answered to their end.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kamerton.engines.openai_api import ApiError
from kamerton.engines.protocol import Engine


@dataclass(frozen=True)
class Arm:
    """One model id."""

    id: str
    engine: Engine
    model: str | None
    """One of the engine's models."""
    retrieval: bool = False
    system: str = ""
    """System prompt put before chats that have none."""


class Arms:
    """All arms by id, and how many requests each is answering."""

    def __init__(self, arms: Iterable[Arm] = ()) -> None:
        self._arms: dict[str, Arm] = {}
        self._in_flight: dict[str, int] = {}
        self._removed: set[str] = set()
        self._drained: dict[str, asyncio.Event] = {}
        for arm in arms:
            self.add(arm)

    def __iter__(self) -> Iterator[Arm]:
        return iter(list(self._arms.values()))

    @property
    def ids(self) -> list[str]:
        """Model ids that take requests."""
        return list(self._arms)

    def add(self, arm: Arm) -> None:
        """Offer an arm, whose engine has started; ValueError where its id is taken."""
        if arm.id in self._arms or self._in_flight.get(arm.id):
            raise ValueError(f"the model id '{arm.id}' is taken")
        self._arms[arm.id] = arm
        self._in_flight[arm.id] = 0
        self._removed.discard(arm.id)

    async def remove(self, id: str) -> Arm:
        """Offer an arm no longer, and wait until its requests in flight are answered.

        Its engine goes on: it may answer for other arms. KeyError where there is no such arm.
        """
        arm = self._arms.pop(id)
        self._removed.add(id)
        if self._in_flight[id]:
            await self._drained.setdefault(id, asyncio.Event()).wait()
        return arm

    @contextmanager
    def use(self, id: str) -> Iterator[Arm]:
        """The arm for one request; ApiError (404) where it is not offered, or no longer."""
        if id not in self._arms:
            state = "was removed" if id in self._removed else "does not exist"
            message = f"the model '{id}' {state}; there are: {', '.join(self._arms)}"
            raise ApiError(404, message, param="model", code="model_not_found")
        self._in_flight[id] += 1
        try:
            yield self._arms[id]
        finally:
            self._in_flight[id] -= 1
            if not self._in_flight[id] and id in self._drained:
                self._drained.pop(id).set()

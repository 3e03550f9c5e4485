"""The model ids that a gateway offers: each an engine's model, with or without retrieval.

They can change while requests are answered: an arm that is removed or replaced takes no new ones,
and those in flight are answered to their end.
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


class _Offer:
    """An arm, and how many requests it is answering."""

    def __init__(self, arm: Arm) -> None:
        self.arm, self.in_flight, self.idle = arm, 0, asyncio.Event()
        self.idle.set()

    @contextmanager
    def use(self) -> Iterator[Arm]:
        self.in_flight += 1
        self.idle.clear()
        try:
            yield self.arm
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()


class Arms:
    """All arms by id, in the order in which they came."""

    def __init__(self, arms: Iterable[Arm] = ()) -> None:
        self._offers: dict[str, _Offer] = {}
        self._removed: set[str] = set()
        for arm in arms:
            self.add(arm)

    def __iter__(self) -> Iterator[Arm]:
        return iter([offer.arm for offer in self._offers.values()])

    @property
    def ids(self) -> list[str]:
        """Model ids that take requests."""
        return list(self._offers)

    def add(self, arm: Arm) -> None:
        """Offer an arm, whose engine has started; ValueError where its id is taken."""
        if arm.id in self._offers:
            raise ValueError(f"the model id '{arm.id}' is taken")
        self._offers[arm.id] = _Offer(arm)
        self._removed.discard(arm.id)

    async def replace(self, arm: Arm) -> Arm:
        """Let an arm take the place of the one with its id from the next request on.

        The old one, once its requests in flight are answered: its engine may then be stopped,
        where no other arm needs it. KeyError where there is no arm of that id.
        """
        old = self._offers[arm.id]
        self._offers[arm.id] = _Offer(arm)
        await old.idle.wait()
        return old.arm

    async def remove(self, id: str) -> Arm:
        """Offer an arm no longer; the arm, once its requests in flight are answered.

        KeyError where there is no arm of that id.
        """
        old = self._offers.pop(id)
        self._removed.add(id)
        await old.idle.wait()
        return old.arm

    @contextmanager
    def use(self, id: str) -> Iterator[Arm]:
        """The arm for one request; ApiError (404) where it is not offered, or no longer."""
        if id not in self._offers:
            state = "was removed" if id in self._removed else "does not exist"
            message = f"the model '{id}' {state}; there are: {', '.join(self._offers)}"
            raise ApiError(404, message, param="model", code="model_not_found")
        with self._offers[id].use() as arm:
            yield arm

"""The engine on a thread of its own, fed by many clients."""

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from kamerton.engines.batching.requests import Done, Request, Ticket
from kamerton.engines.batching.scoring import Told, Wanted

_QUIET, _PATIENCE = 0.03, 0.5
"""Seconds: an idle engine waits until no request has come for so long, and never longer than that.

What requests have in common is seen only once they are there together."""


class Computes(Protocol):
    """`Batched`, or a stand-in of a test."""

    @property
    def busy(self) -> bool: ...  # noqa: D102
    def add(self, ticket: Ticket | Wanted) -> None: ...  # noqa: D102
    def step(self) -> None: ...  # noqa: D102


class Runner:
    """Takes requests from any thread, and computes on one."""

    def __init__(self, engine: Computes) -> None:
        self._engine = engine
        self._inbox: queue.SimpleQueue[Ticket | Wanted] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def ask(self, request: Request, done: Done, gone: Callable[[], bool]) -> None:
        """Queue a request; `done` is called on the engine's thread."""
        self._inbox.put(Ticket(request, done, gone))

    def score(self, ids: tuple[int, ...], told: Told, gone: Callable[[], bool]) -> None:
        """Queue a prompt to be scored; `told` is called on the engine's thread."""
        self._inbox.put(Wanted(ids, told, gone))

    def _run(self) -> None:
        try:
            while True:
                self._take()
                self._engine.step()
        except BaseException:
            # Nobody can be answered any more: who watches the process starts another.
            traceback.print_exc()
            os._exit(1)

    def _take(self) -> None:
        """All requests that are there; where there is nothing to do, those that come together."""
        if self._engine.busy:
            while not self._inbox.empty():
                self._engine.add(self._inbox.get())
            return
        self._engine.add(self._inbox.get())
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0:
            try:
                self._engine.add(self._inbox.get(timeout=min(_QUIET, left)))
            except queue.Empty:
                return

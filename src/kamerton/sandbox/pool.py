"""Boxes that wait, already warm, each to be used once."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType

from kamerton.sandbox.limits import Limits
from kamerton.sandbox.session import CODE, Session

WARM = "import typing, collections, re, math, string, itertools, functools"
"""What generated functions import most."""


class Pool:
    """A few waiting boxes; a new one starts whenever one is taken."""

    def __init__(self, size: int = 4, limits: Limits = CODE, warm: str = WARM) -> None:
        """Start `size` boxes. They run until taken, or until the pool is closed."""
        self._limits, self._warm = limits, warm
        # bwrap dies with the thread that started it, so one that lives as long as we starts all.
        self._starter = ThreadPoolExecutor(1, "kamerton-boxes")
        self._lock = Lock()
        self._waiting: deque[Future[Session]] = deque()
        for _ in range(size):
            self._start()

    def __enter__(self) -> "Pool":
        """The pool, filling up."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the boxes that nobody took."""
        self.close()

    def take(self) -> Session:
        """A box that nobody has had; the caller closes it. Raises what starting one raises."""
        with self._lock:
            session = self._waiting.popleft()
            self._start()
        return session.result()

    def ready(self) -> None:
        """Wait until all waiting boxes have warmed up."""
        with self._lock:
            for session in self._waiting:
                session.result().settle()

    def close(self) -> None:
        """End the boxes that nobody took."""
        with self._lock:
            while self._waiting:
                self._waiting.popleft().result().close()
        self._starter.shutdown()

    def _start(self) -> None:
        self._waiting.append(self._starter.submit(Session, self._limits, self._warm))

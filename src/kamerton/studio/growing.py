"""The answers that still grow in one conversation, and how they end before the next one begins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

_LOOK = 0.05
"""Seconds between two looks whether an answer is to end."""


class Growing:
    """What one open page is waiting for.

    The page shows what it is told last. An answer that is merely cancelled tells of its end at any
    time, also after the conversation was emptied; so answers are asked to end, and have told all
    they will tell when `end` returns.
    """

    def __init__(self) -> None:
        self._answers = 0
        self._ending = False

    async def while_wanted(self, answer: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """What `answer` gives, until it is over or is to end."""
        self._answers += 1
        try:
            while not self._ending:
                grown = await self._next(answer)
                if grown is None:
                    return
                yield grown
        finally:
            self._answers -= 1

    async def _next(self, answer: AsyncIterator[Any]) -> Any:
        """The next state of an answer; None where there is none, or it is not waited for."""
        waiting = asyncio.ensure_future(anext(answer, None))
        try:
            while not (waiting.done() or self._ending):
                await asyncio.wait({waiting}, timeout=_LOOK)
            return None if self._ending else waiting.result()
        finally:
            waiting.cancel()

    def begin(self) -> None:
        """A question was asked: its answers are wanted."""
        self._ending = False

    async def end(self) -> None:
        """Ask all answers to end, those too that have not begun; return when they have."""
        self._ending = True
        while self._answers:
            await asyncio.sleep(_LOOK)

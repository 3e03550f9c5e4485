"""Many waits at a time: requests to servers, side by side in one thread."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
J = TypeVar("J")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives; in a thread of its own where a loop runs already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, work).result()


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of it gives, in order; the first failure is raised once the others have ended.

    A TaskGroup would raise an ExceptionGroup, which no caller here wants to take apart.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def side_by_side(
    jobs: Iterable[J],
    work: Callable[[J], Awaitable[None]],
    concurrency: int,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Work on the jobs in their order, at most `concurrency` at a time.

    `stop` is asked before each: what is under way then is still finished. The first failure ends
    the others.
    """
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            if stop():
                return
            await work(job)

    await together(worker() for _ in range(concurrency))

"""All prompts of a task to one model, all samples at once, or in rounds until a vote is decided."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import httpx

from kamerton.client.concurrent import together
from kamerton.experiment.ask import client
from kamerton.experiment.ask.client import How, Prompt, Server
from kamerton.experiment.ask.ledger import Ledger, Reply
from kamerton.experiment.tasks.maths.votes import decided
from kamerton.formats.language import say
from kamerton.formats.progress import progress

Read = Callable[[Reply], tuple[Fraction | None, bool]]
"""The number that a reply answers, None where there is none to read, and whether it is right."""


@dataclass(frozen=True)
class Asked:
    """The replies to each question, in order, and how many of them were there already."""

    replies: dict[str, list[Reply]]
    cached: int


@dataclass
class _Count:
    told: int = 0
    right: int = 0
    cached: int = 0


def ask_all(
    server: Server, prompts: Sequence[Prompt], how: How, ledger: Ledger, read: Read | None = None
) -> Asked:
    """Ask what the (open) ledger does not have yet; every reply is in it before the next is due.

    Shows progress with the time left and, where answers are read, the accuracy so far; `read` is
    needed for votes that end early. InputError when the server is gone or refuses a prompt; what
    it answered is kept.
    """
    with progress(say("experiment.ask_asking"), how.samples * len(prompts)) as bar:
        count = _Count()

        def seen(reply: Reply, cached: bool) -> None:
            count.told += 1
            count.cached += cached
            if read:
                count.right += read(reply)[1]
                share = f"{100 * count.right / count.told:.1f}"
                bar.set_postfix_str(say("experiment.ask_so_far", share=share), refresh=False)
            bar.update(1)
            bar.initial += cached  # the rate is that of what is computed now

        asking = _Asking(server, how, ledger, read, seen)
        found = asyncio.run(asking.all(prompts))
        # What an early decision saved need not be waited for.
        bar.total = bar.n
    return Asked(found, count.cached)


class _Asking:
    def __init__(
        self,
        server: Server,
        how: How,
        ledger: Ledger,
        read: Read | None,
        seen: Callable[[Reply, bool], None],
    ) -> None:
        self._server, self._how, self._ledger = server, how, ledger
        self._read, self._seen = read, seen

    async def all(self, prompts: Sequence[Prompt]) -> dict[str, list[Reply]]:
        """The replies to all; the first failure ends the others."""
        self._turn = asyncio.Semaphore(self._how.concurrency)
        async with client.connected(self._server, self._how.concurrency) as connection:
            found = await together(self._question(connection, one) for one in prompts)
        return {prompt.id: replies for prompt, replies in zip(prompts, found, strict=True)}

    async def _question(self, connection: httpx.AsyncClient, prompt: Prompt) -> list[Reply]:
        replies: list[Reply] = []
        while more := self._more(replies):
            first = len(replies)
            asked = [self._one(connection, prompt, i) for i in range(first, first + more)]
            replies += await asyncio.gather(*asked)
        return replies

    def _more(self, replies: Sequence[Reply]) -> int:
        """How many samples to ask for now."""
        left = self._how.samples - len(replies)
        if not self._how.early or self._read is None:
            return left
        return least([self._read(reply)[0] for reply in replies], left)

    async def _one(self, connection: httpx.AsyncClient, prompt: Prompt, sample: int) -> Reply:
        known = self._ledger.get(client.key(self._server, prompt, self._how, sample))
        if known is not None:
            # A greedy answer asked for twice is one reply.
            reply = known.model_copy(update={"id": prompt.id, "sample": sample})
            self._seen(reply, True)
            return reply
        async with self._turn:
            reply = await client.ask(connection, self._server, prompt, self._how, sample)
        self._ledger.add(reply)
        self._seen(reply, False)
        return reply


def least(values: Sequence[Fraction | None], left: int) -> int:
    """The fewest samples more, of `left`, after which a vote could be decided; 0: it is.

    >>> least([], 5), least([Fraction(1), Fraction(1)], 3)
    (3, 1)
    """
    if decided(values, left):
        return 0
    counts: dict[Fraction, int] = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    first, second = ([*sorted(counts.values(), reverse=True), 0, 0])[:2]
    # All k to the leader: its lead + k must be more than the left - k behind them.
    return min(left, (left - (first - second)) // 2 + 1)

"""All prompts of a task to one model, all samples at once, or in rounds until a vote is decided."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.client.concurrent import run, together
from kamerton.client.connection import Connection, Model
from kamerton.client.ledger import Ledger, request_key
from kamerton.client.replies import text_completion
from kamerton.experiment.tasks.maths.votes import decided
from kamerton.formats.language import say
from kamerton.formats.progress import progress

REPLIES = "replies.jsonl"


@dataclass(frozen=True)
class How:
    """How prompts are sent."""

    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 256
    stops: tuple[str, ...] = ()
    seed: int = 0
    early: bool = False
    """Ask no more samples of a question once its vote cannot change any more."""


@dataclass(frozen=True)
class Prompt:
    """What is sent for one question."""

    id: str
    text: str


class Reply(BaseModel):
    """One answer of a model: a line of `replies.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    """The `request_key`: weights, tokens, sampling, and of sampled ones the seed."""
    id: str
    """Of the question."""
    sample: int
    """Number of the answer among the question's, from 0."""
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


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
    model: Model,
    prompts: Sequence[Prompt],
    how: How,
    ledger: Ledger[Reply],
    read: Read | None = None,
) -> Asked:
    """Ask what the ledger does not have yet; every reply is in it before the next is due.

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

        asking = _Asking(model, how, ledger, read, seen)
        found = run(asking.all(prompts))
        # What an early decision saved need not be waited for.
        bar.total = bar.n
    return Asked(found, count.cached)


def request(model: Model, prompt: Prompt, how: How, sample: int) -> dict[str, Any]:
    """The body of one request. Its seed depends on seed, question and number alone."""
    hashed = hashlib.sha256(json.dumps([how.seed, prompt.id, sample]).encode()).digest()
    return {
        "model": model.id,
        "prompt": prompt.text,
        "temperature": how.temperature,
        "max_tokens": how.max_tokens,
        "stop": list(how.stops),
        "seed": int.from_bytes(hashed[:6], "big"),
        "top_p": 1.0,
    }


class _Asking:
    def __init__(
        self,
        model: Model,
        how: How,
        ledger: Ledger[Reply],
        read: Read | None,
        seen: Callable[[Reply, bool], None],
    ) -> None:
        self._model, self._how, self._ledger = model, how, ledger
        self._read, self._seen = read, seen

    async def all(self, prompts: Sequence[Prompt]) -> dict[str, list[Reply]]:
        """The replies to all; the first failure ends the others."""
        self._turn = asyncio.Semaphore(self._model.endpoint.concurrency)
        async with Connection(self._model.endpoint) as server:
            found = await together(self._question(server, one) for one in prompts)
        return {prompt.id: replies for prompt, replies in zip(prompts, found, strict=True)}

    async def _question(self, server: Connection, prompt: Prompt) -> list[Reply]:
        replies: list[Reply] = []
        while more := self._more(replies):
            first = len(replies)
            asked = [self._one(server, prompt, i) for i in range(first, first + more)]
            replies += await asyncio.gather(*asked)
        return replies

    def _more(self, replies: Sequence[Reply]) -> int:
        """How many samples to ask for now."""
        left = self._how.samples - len(replies)
        if not self._how.early or self._read is None:
            return left
        return least([self._read(reply)[0] for reply in replies], left)

    async def _one(self, server: Connection, prompt: Prompt, sample: int) -> Reply:
        body = request(self._model, prompt, self._how, sample)
        key = request_key(self._model.fingerprint, body)
        known = self._ledger.get(key)
        if known is not None:
            # A greedy answer asked for twice is one reply.
            reply = known.model_copy(update={"id": prompt.id, "sample": sample})
            self._seen(reply, True)
            return reply
        async with self._turn:
            told = await server.post("completions", body)
        answer = server.read(told, text_completion, prompt.id)
        reply = Reply(
            key=key,
            id=prompt.id,
            sample=sample,
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens or 0,
            completion_tokens=answer.completion_tokens or 0,
        )
        self._ledger.append(reply)
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

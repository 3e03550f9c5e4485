"""All prompts of a task to one model, all samples at once, or in rounds until a vote is decided."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kamerton.client.concurrent import run, together
from kamerton.client.connection import Connection, Model
from kamerton.client.ledger import Ledger, request_key
from kamerton.client.replies import text_completion
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.progress import progress

REPLIES = "replies.jsonl"


@dataclass(frozen=True)
class SamplingParams:
    """How answers are drawn."""

    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 256
    stops: tuple[str, ...] = ()
    seed: int = 0
    early: bool = False
    """Ask no more samples of a question once its vote cannot change any more."""

    def settings(self) -> dict[str, object]:
        """All of it, as it stands in `results.json`."""
        return asdict(self) | {"stops": list(self.stops)}


@dataclass(frozen=True)
class Prompt:
    """What is sent for one question."""

    id: str
    text: str


class Reply(Record):
    """One answer of a model: a line of `replies.jsonl`."""

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


SamplesLeft = Callable[[Sequence[Reply], int], int]
"""From a question's replies and the number that may still be asked to how many to ask now."""


@dataclass(frozen=True)
class Asked:
    """The replies to each question, in order, and how many of them were there already."""

    replies: dict[str, list[Reply]]
    cached: int

    @property
    def all(self) -> list[Reply]:
        """Of all questions."""
        return [reply for replies in self.replies.values() for reply in replies]

    @property
    def prompt_tokens(self) -> int:
        """Of all prompts, each counted once."""
        return sum(replies[0].prompt_tokens for replies in self.replies.values())

    @property
    def completion_tokens(self) -> int:
        """Of all replies."""
        return sum(reply.completion_tokens for reply in self.all)


def ask_all(
    model: Model,
    prompts: Sequence[Prompt],
    sampling: SamplingParams,
    ledger: Ledger[Reply],
    is_right: Callable[[Reply], bool] | None = None,
    samples_left: SamplesLeft | None = None,
) -> Asked:
    """Ask what the ledger does not have yet; every reply is in it before the next is due.

    Shows progress with the time left and, with `is_right`, the accuracy so far. InputError when
    the server is gone or refuses a prompt; what it answered is kept.
    """
    with progress(say("experiment.ask_asking"), sampling.samples * len(prompts)) as bar:
        seen = right = cached = 0

        def count(reply: Reply, was_there: bool) -> None:
            nonlocal seen, right, cached
            seen, cached = seen + 1, cached + was_there
            if is_right:
                right += is_right(reply)
                share = say("experiment.ask_so_far", share=f"{100 * right / seen:.1f}")
                bar.set_postfix_str(share, refresh=False)
            bar.update(1)
            bar.initial += was_there  # the rate is that of what is computed now

        asking = _Asking(model, sampling, ledger, samples_left or (lambda _, left: left), count)
        replies = run(asking.all(prompts))
        # What an early decision saved need not be waited for.
        bar.total = bar.n
    return Asked(replies, cached)


def request(model: Model, prompt: Prompt, sampling: SamplingParams, sample: int) -> dict[str, Any]:
    """The body of one request. Its seed depends on seed, question and number alone."""
    hashed = hashlib.sha256(json.dumps([sampling.seed, prompt.id, sample]).encode()).digest()
    return {
        "model": model.id,
        "prompt": prompt.text,
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stops),
        "seed": int.from_bytes(hashed[:6], "big"),
        "top_p": 1.0,
    }


@dataclass
class _Asking:
    model: Model
    sampling: SamplingParams
    ledger: Ledger[Reply]
    samples_left: SamplesLeft
    count: Callable[[Reply, bool], None]

    async def all(self, prompts: Sequence[Prompt]) -> dict[str, list[Reply]]:
        """The replies to all; the first failure ends the others."""
        turn = asyncio.Semaphore(self.model.endpoint.concurrency)
        async with Connection(self.model.endpoint) as server:
            replies = await together(self._question(server, turn, prompt) for prompt in prompts)
        return {prompt.id: those for prompt, those in zip(prompts, replies, strict=True)}

    async def _question(
        self, server: Connection, turn: asyncio.Semaphore, prompt: Prompt
    ) -> list[Reply]:
        replies: list[Reply] = []
        while more := self.samples_left(replies, self.sampling.samples - len(replies)):
            numbers = range(len(replies), len(replies) + more)
            replies += await asyncio.gather(
                *(self._one(server, turn, prompt, number) for number in numbers)
            )
        return replies

    async def _one(
        self, server: Connection, turn: asyncio.Semaphore, prompt: Prompt, sample: int
    ) -> Reply:
        body = request(self.model, prompt, self.sampling, sample)
        key = request_key(self.model.fingerprint, body)
        if kept := self.ledger.get(key):
            # A greedy answer asked for twice is one reply.
            reply = kept.model_copy(update={"id": prompt.id, "sample": sample})
            self.count(reply, True)
            return reply
        async with turn:
            response = await server.post("completions", body)
        answer = server.read(response, text_completion, prompt.id)
        reply = Reply(
            key=key,
            id=prompt.id,
            sample=sample,
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens or 0,
            completion_tokens=answer.completion_tokens or 0,
        )
        self.ledger.append(reply)
        self.count(reply, False)
        return reply

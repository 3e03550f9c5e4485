"""How likely a model finds given texts: their log-probabilities over /v1/completions.

The server tells prompts back with `echo` and `logprobs` (OpenAI's legacy form), and gives token ids
at /tokenize (vLLM's form).
"""

import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, FiniteFloat

from kamerton.client.concurrent import run, side_by_side
from kamerton.client.connection import Connection, Model
from kamerton.client.ledger import Ledger, request_key
from kamerton.formats.language import say
from kamerton.formats.progress import progress

SCORES = "scores.jsonl"
T = TypeVar("T")


class Likelihood(BaseModel):
    """How likely a model finds the last tokens of a text; natural logarithms."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    """Digest of all that decides it: weights, tokens, and from where on."""
    id: str
    """Of the question or text."""
    log_likelihood: FiniteFloat
    """Sum over the tokens that were scored."""
    tokens: int
    greedy: bool
    """Whether each of them is the likeliest one at its place."""


@dataclass(frozen=True)
class Tokens:
    """A text as a model reads it."""

    ids: tuple[int, ...]
    room: int
    """Tokens that the model reads at most."""
    prefix: int | None
    """What a text is scored behind, so that its first token has a score too; None: nothing."""


@dataclass(frozen=True)
class Part:
    """Tokens of which those from `first` on are scored; `first` is at least 1."""

    id: str
    ids: tuple[int, ...]
    first: int


@dataclass(frozen=True)
class Text:
    """A text that is to be split into tokens."""

    id: str
    text: str
    special: bool = True
    """Whether the tokenizer puts its own BOS and EOS around it."""


@dataclass(frozen=True)
class Scored:
    """The parts with their likelihoods, in order, and how many of these were there already."""

    parts: list[Part]
    likelihoods: list[Likelihood]
    cached: int


def tokenized(model: Model, texts: Sequence[Text]) -> list[Tokens]:
    """All texts in tokens, in order; InputError when the server is gone or cannot do it."""
    tokens: dict[int, Tokens] = {}

    async def one(server: Connection, job: tuple[int, Text]) -> None:
        place, text = job
        body = {"prompt": text.text, "add_special_tokens": text.special, "model": model.id}
        reply = await server.post("/tokenize", body)
        tokens[place] = server.read(reply, _tokens, text.id)

    with progress(say("experiment.score_splitting"), len(texts)) as bar:
        run(_all(model, one, list(enumerate(texts)), lambda: bar.update(1)))
    return [tokens[place] for place in range(len(texts))]


def score_all(model: Model, parts: Sequence[Part], ledger: Ledger[Likelihood]) -> Scored:
    """Score what the ledger does not have yet; each is in it as soon as it is there.

    Shows progress. InputError when the server is gone or refuses a text; what it scored is kept.
    """
    keys = [_key(model, part) for part in parts]
    missing = {key: p for key, p in zip(keys, parts, strict=True) if ledger.get(key) is None}
    cached = sum(key not in missing for key in keys)

    async def one(server: Connection, job: tuple[str, Part]) -> None:
        key, part = job
        reply = await server.post("completions", _request(model, part))
        ledger.append(server.read(reply, lambda body: _likelihood(body, key, part), part.id))

    with progress(say("experiment.score_scoring"), len(missing) + cached) as bar:
        bar.update(cached)
        bar.initial = cached
        run(_all(model, one, list(missing.items()), lambda: bar.update(1)))
    rows = [row for key in keys if (row := ledger.get(key)) is not None]
    named = [row.model_copy(update={"id": p.id}) for row, p in zip(rows, parts, strict=True)]
    return Scored(list(parts), named, cached)


def _key(model: Model, part: Part) -> str:
    """What a likelihood is cached by: weights and tokenizer, token ids, and from where on."""
    return request_key(model.fingerprint, _request(model, part) | {"first": part.first})


def _request(model: Model, part: Part) -> dict[str, Any]:
    return {
        "model": model.id,
        "prompt": list(part.ids),
        "echo": True,
        "logprobs": 1,
        "max_tokens": 0,
        "temperature": 0,
    }


async def _all(
    model: Model,
    work: Callable[[Connection, T], Awaitable[None]],
    jobs: Sequence[T],
    done: Callable[[], Any],
) -> None:
    """The work on all jobs, many at a time; the first failure ends the others."""
    async with Connection(model.endpoint) as server:

        async def one(job: T) -> None:
            await work(server, job)
            done()

        await side_by_side(jobs, one, model.endpoint.concurrency)


def _likelihood(content: bytes, key: str, part: Part) -> Likelihood:
    logprobs = json.loads(content)["choices"][0]["logprobs"]
    scores, tops = logprobs["token_logprobs"], logprobs["top_logprobs"]
    # A server that leaves tokens out, or tells more of them, would shift every score.
    if not len(scores) == len(tops) == len(part.ids) or None in scores[part.first :]:
        raise ValueError(f"{len(scores)} scores of {len(part.ids)} tokens")
    pairs = list(zip(scores[part.first :], tops[part.first :], strict=True))
    return Likelihood(
        key=key,
        id=part.id,
        log_likelihood=math.fsum(score for score, _ in pairs),
        tokens=len(pairs),
        greedy=all(score == max(top.values()) for score, top in pairs),
    )


def _tokens(content: bytes) -> Tokens:
    answer = json.loads(content)
    return Tokens(tuple(answer["tokens"]), answer["max_model_len"], answer.get("prefix_token"))

"""How likely a model finds given texts: their log-probabilities over /v1/completions.

The server tells prompts back with `echo` and `logprobs` (OpenAI's legacy form), and gives token ids
at /tokenize (vLLM's form).
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from kamerton.client.concurrent import together
from kamerton.experiment.ask import client
from kamerton.experiment.ask.client import How, Server
from kamerton.experiment.ask.ledger import Likelihood, Lines
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress

_AT_A_TIME = How.concurrency
T = TypeVar("T")
U = TypeVar("U")


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
    """Whether the tokenizer puts its own marks around it."""


@dataclass(frozen=True)
class Found:
    """The likelihoods of all parts, in order, and how many of them were there already."""

    parts: list[Likelihood]
    cached: int


def tokenized(server: Server, texts: Sequence[Text]) -> list[Tokens]:
    """All texts in tokens, in order; InputError when the server is gone or cannot do it."""

    async def one(connection: httpx.AsyncClient, text: Text) -> Tokens:
        url = f"{server.base_url.removesuffix('/v1')}/tokenize"
        body = {"prompt": text.text, "add_special_tokens": text.special}
        found = await client.post(connection, server, url, body | {"model": server.model})
        return _tokens(found, text.id)

    with progress(say("experiment.score_splitting"), len(texts)) as bar:
        return asyncio.run(_all(server, one, texts, lambda: bar.update(1)))


def score_all(server: Server, parts: Sequence[Part], ledger: Lines[Likelihood]) -> Found:
    """Score what the (open) ledger does not have yet; each is in it as soon as it is there.

    Shows progress. InputError when the server is gone or refuses a text; what it scored is kept.
    """
    keys = [key(server, part) for part in parts]
    known = {one: ledger.get(one) for one in keys}
    missing = {one: part for one, part in zip(keys, parts, strict=True) if known[one] is None}
    cached = sum(known[one] is not None for one in keys)

    async def one(connection: httpx.AsyncClient, part: Part) -> None:
        found = await _score(connection, server, part)
        ledger.add(found)
        known[found.key] = found

    with progress(say("experiment.score_scoring"), len(missing) + cached) as bar:
        bar.update(cached)
        bar.initial = cached
        asyncio.run(_all(server, one, list(missing.values()), lambda: bar.update(1)))
    rows = [row for row in (known[one] for one in keys) if row is not None]
    named = zip(rows, parts, strict=True)
    return Found([row.model_copy(update={"id": part.id}) for row, part in named], cached)


def key(server: Server, part: Part) -> str:
    """What a likelihood is cached by: weights and tokenizer, token ids, and from where on."""
    parts = {"model": server.fingerprint, "ids": part.ids, "first": part.first}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


async def _all(
    server: Server,
    work: Callable[[httpx.AsyncClient, T], Awaitable[U]],
    given: Sequence[T],
    done: Callable[[], Any],
) -> list[U]:
    """The work on all that is given, many at a time; the first failure ends the others."""
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def one(connection: httpx.AsyncClient, what: T) -> U:
        async with turn:
            found = await work(connection, what)
        done()
        return found

    async with client.connected(server, _AT_A_TIME) as connection:
        return await together(one(connection, what) for what in given)


async def _score(connection: httpx.AsyncClient, server: Server, part: Part) -> Likelihood:
    body = {
        "model": server.model,
        "prompt": list(part.ids),
        "echo": True,
        "logprobs": 1,
        "max_tokens": 0,
        "temperature": 0,
    }
    found = await client.post(connection, server, f"{server.base_url}/completions", body)
    return _likelihood(found, key(server, part), part)


def _likelihood(found: httpx.Response, key: str, part: Part) -> Likelihood:
    try:
        told = _json(found)["choices"][0]["logprobs"]
        scores, tops = told["token_logprobs"], told["top_logprobs"]
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
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise _refused(found, part.id, error) from error


def _tokens(found: httpx.Response, id: str) -> Tokens:
    try:
        told = _json(found)
        return Tokens(tuple(told["tokens"]), told["max_model_len"], told.get("prefix_token"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _refused(found, id, error) from error


def _json(found: httpx.Response) -> Any:
    if found.status_code != 200:
        raise ValueError(f"HTTP {found.status_code}")
    return found.json()


def _refused(found: httpx.Response, id: str, error: Exception) -> InputError:
    told = f"{client.why(error)}: {found.text[:300]}"
    return InputError("experiment.score_refused", where=id, why=told)

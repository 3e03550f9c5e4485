"""One model behind /v1/completions: who it is, and its reply to one prompt."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from kamerton.experiment.ask.ledger import Reply
from kamerton.formats.errors import InputError

_TIMEOUT = httpx.Timeout(None, connect=10.0)
"""No limit for an answer: with hundreds in the queue the last one waits for hours."""
_RETRIES, _BACKOFF = 5, 0.5


@dataclass(frozen=True)
class Server:
    """A model that answers, and what its replies are cached by."""

    base_url: str
    model: str
    fingerprint: str
    """Hash of weights and tokenizer as the server tells it; else address and model id."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


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
    concurrency: int = 256
    """Requests on their way at a time; the engine sees what they have in common."""


@dataclass(frozen=True)
class Prompt:
    """What is sent for one question."""

    id: str
    text: str


def server(base_url: str, headers: Mapping[str, str], model: str = "") -> Server:
    """The model `model` of a server, or its first; InputError where there is none."""
    try:
        found = httpx.get(f"{base_url}/models", headers=headers, timeout=30, trust_env=False)
        rows = found.raise_for_status().json()["data"]
        row = next(row for row in rows if model in ("", row["id"]))
    except StopIteration as error:
        raise InputError("experiment.ask_no_model", where=base_url, model=model) from error
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise InputError("experiment.ask_gone", where=base_url, why=why(error)) from error
    known = str(row.get("fingerprint") or f"{base_url} {row['id']}")
    return Server(base_url, str(row["id"]), known, headers)


def key(server: Server, prompt: Prompt, how: How, sample: int) -> str:
    """What a reply is cached by: all that decides it, and nothing else.

    The server's fingerprint covers the tokenizer, so with it the text decides the token ids. Of
    greedy answers seed and number decide nothing.
    """
    sampled = how.temperature > 0
    parts = {
        "model": server.fingerprint,
        "prompt": prompt.text,
        "temperature": how.temperature,
        "max_tokens": how.max_tokens,
        "stops": how.stops,
        # Two questions with one text are two draws.
        "draw": [seed_of(prompt.id, how, sample), sample] if sampled else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def seed_of(id: str, how: How, sample: int) -> int:
    """The seed of one answer, from seed, question and number: the order of asking is not in it."""
    hashed = hashlib.sha256(json.dumps([how.seed, id, sample]).encode()).digest()
    return int.from_bytes(hashed[:6], "big")


async def ask(
    client: httpx.AsyncClient, server: Server, prompt: Prompt, how: How, sample: int
) -> Reply:
    """One reply; InputError where the server stays away, or refuses the prompt."""
    url = f"{server.base_url}/completions"
    found = await post(client, server, url, _body(server, prompt, how, sample))
    return _reply(found, key(server, prompt, how, sample), prompt, sample)


async def post(
    client: httpx.AsyncClient, server: Server, url: str, body: Mapping[str, Any]
) -> httpx.Response:
    """The server's answer; where it is busy or the connection breaks, it is asked again.

    InputError where it stays away.
    """
    error = ""
    for attempt in range(_RETRIES + 1):
        if attempt:
            await asyncio.sleep(_BACKOFF * 2 ** (attempt - 1))
        try:
            found = await client.post(url, json=body)
        except httpx.TransportError as caught:
            error = why(caught)
            continue
        if found.status_code == 429 or found.status_code >= 500:
            error = f"HTTP {found.status_code} {found.text[:200]}"
            continue
        return found
    raise InputError("experiment.ask_gone", where=server.base_url, why=error)


def connected(server: Server, concurrency: int = How.concurrency) -> httpx.AsyncClient:
    """The connections to a server; no proxy of the environment comes between."""
    limits = httpx.Limits(max_connections=concurrency)
    headers = dict(server.headers)
    return httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, headers=headers, trust_env=False)


def _body(server: Server, prompt: Prompt, how: How, sample: int) -> dict[str, Any]:
    return {
        "model": server.model,
        "prompt": prompt.text,
        "temperature": how.temperature,
        "max_tokens": how.max_tokens,
        "stop": list(how.stops),
        "seed": seed_of(prompt.id, how, sample),
        "top_p": 1.0,
    }


def _reply(found: httpx.Response, key: str, prompt: Prompt, sample: int) -> Reply:
    try:
        if found.status_code != 200:
            raise ValueError(f"HTTP {found.status_code}")
        body = found.json()
        choice, usage = body["choices"][0], body.get("usage") or {}
        return Reply(
            key=key,
            id=prompt.id,
            sample=sample,
            text=choice["text"],
            finish_reason=choice.get("finish_reason") or "",
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", 0),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        told = f"{why(error)}: {found.text[:300]}"
        raise InputError("experiment.ask_refused", where=prompt.id, why=told) from error


def why(error: Exception) -> str:
    """An error of a connection or of an answer in one line."""
    return f"{type(error).__name__} {error}".strip()

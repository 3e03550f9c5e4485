"""How likely a model finds given texts: their log-probabilities over /v1/completions.

The server tells prompts back with `echo` and `logprobs` (OpenAI's legacy form), and gives token ids
at /tokenize (vLLM's form).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import FiniteFloat

from kamerton.client.connection import Connection, Model, ask_each
from kamerton.client.ledger import Ledger, request_key
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.progress import progress

SCORES = "scores.jsonl"


class Likelihood(Record):
    """How likely a model finds the last tokens of a text; natural logarithms."""

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
        bar.update(1)

    with progress(say("experiment.score_splitting"), len(texts)) as bar:
        ask_each(model.endpoint, enumerate(texts), one)
    return [tokens[place] for place in range(len(texts))]


def score_all(model: Model, parts: Sequence[Part], ledger: Ledger[Likelihood]) -> Scored:
    """Score what the ledger does not have yet; each is in it as soon as it is there.

    Shows progress. InputError when the server is gone or refuses a text; what it scored is kept.
    """
    # The same tokens, scored from the same one on, by the same weights and tokenizer.
    keys = [
        request_key(model.fingerprint, _request(model, part) | {"first": part.first})
        for part in parts
    ]
    missing = {key: p for key, p in zip(keys, parts, strict=True) if ledger.get(key) is None}
    cached = sum(key not in missing for key in keys)

    async def one(server: Connection, job: tuple[str, Part]) -> None:
        key, part = job
        reply = await server.post("completions", _request(model, part))
        ledger.append(server.read(reply, lambda body: _likelihood(body, key, part), part.id))
        bar.update(1)

    label = say("experiment.score_scoring")
    with progress(label, len(missing) + cached, done=cached) as bar:
        ask_each(model.endpoint, missing.items(), one)
    rows = [row for key in keys if (row := ledger.get(key)) is not None]
    named = [row.model_copy(update={"id": p.id}) for row, p in zip(rows, parts, strict=True)]
    return Scored(list(parts), named, cached)


def _request(model: Model, part: Part) -> dict[str, Any]:
    return {
        "model": model.id,
        "prompt": list(part.ids),
        "echo": True,
        "logprobs": 1,
        "max_tokens": 0,
        "temperature": 0,
    }


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

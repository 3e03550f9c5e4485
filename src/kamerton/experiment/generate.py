"""Asks every question of every arm over /v1/chat/completions, and never one twice.

Each finished answer is a line of answers.jsonl at once; a killed run reads it and asks the rest.
One arm after another, questions of one group together: so the server's slots stay on one adapter
and its prefix cache helps.
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.client import connection, replies
from kamerton.client.connection import Connection, Endpoint
from kamerton.client.ledger import Ledger, request_key
from kamerton.formats.chat import Message
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.questions import Question

ANSWERS = "answers.jsonl"
TOO_LONG = "too_long"
"""The finish reason that we give where the server had no room for the prompt."""
_NO_ROOM = {"exceed_context_size_error", "context_length_exceeded"}
"""The error of a prompt longer than the context: llama.cpp's type, OpenAI's code."""
Chats = Mapping[str, Sequence[Message]]
"""Question id to the turns to send, the question last, where it is not asked alone."""


@dataclass(frozen=True)
class GenerationConfig:
    """How questions are asked, greedily."""

    base_url: str
    """Of a run's server, with its /v1 or without."""
    max_tokens: int
    seed: int
    concurrency: int = 8
    repeat_share: float = 0.0
    """Share of the questions that each arm is asked a second time."""
    pass_over: bool = False
    """Go on after a prompt that the server has no room for; else it is an error."""


class Reply(Record):
    """One answer of one arm, as the server gave it: a line of answers.jsonl."""

    key: str
    """The `request_key`: what makes an answer of an earlier start usable."""
    arm: str
    question_id: str
    round: int = 0
    """1 where the question was asked a second time."""
    answer: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True)
class _Request:
    key: str
    arm: str
    question_id: str
    round: int
    body: dict[str, Any]


def models(base_url: str) -> list[str]:
    """Model ids that the server offers."""
    return [model.id for model in connection.models(_endpoint(base_url))]


def ask_all(
    questions: Sequence[Question],
    arms: Sequence[str],
    config: GenerationConfig,
    folder: Path,
    chats: Chats | None = None,
) -> list[Reply]:
    """All replies, arm by arm; those that `folder` has from an earlier start are not asked for.

    A question is sent as one user turn, or as the turns that `chats` has for it.
    Raises InputError when the server is gone or refuses a question; what it answered is kept.
    """
    ordered = sorted(questions, key=lambda q: (q.held_out, q.group, q.id))
    count = math.ceil(config.repeat_share * len(ordered))
    repeated = set(random.Random(config.seed).sample([q.id for q in ordered], count))
    rounds = [(q, 0) for q in ordered] + [(q, 1) for q in ordered if q.id in repeated]
    ledger = Ledger(folder / ANSWERS, Reply, "key")
    answered = []
    for arm in arms:
        requests = [_request(arm, q, n, config, (chats or {}).get(q.id)) for q, n in rounds]
        _ask_arm(arm, requests, config, ledger)
        for request in requests:
            reply = ledger.get(request.key)
            assert reply is not None, "every request has a reply, or an error has been raised"
            # Two questions with one text have one reply.
            answered.append(reply.model_copy(update={"question_id": request.question_id}))
    return answered


def changed(replies: Sequence[Reply]) -> tuple[int, int]:
    """How many of the answers asked for twice changed, and how many were asked for twice."""
    first = {(r.arm, r.question_id): r.answer for r in replies if r.round == 0}
    second = [r for r in replies if r.round == 1]
    return sum(first[r.arm, r.question_id] != r.answer for r in second), len(second)


def _request(
    arm: str,
    question: Question,
    round_: int,
    config: GenerationConfig,
    chat: Sequence[Message] | None,
) -> _Request:
    turns = chat or [Message(role="user", content=question.question)]
    body = {
        "model": arm,
        "messages": [turn.model_dump() for turn in turns],
        "temperature": 0,
        "seed": config.seed,
        "max_tokens": config.max_tokens,
    }
    # An arm's answers of an earlier start are good at any address: a run's server has a new one.
    return _Request(request_key(arm, body, round_), arm, question.id, round_, body)


def _ask_arm(
    arm: str, requests: Sequence[_Request], config: GenerationConfig, ledger: Ledger[Reply]
) -> None:
    """Ask what the ledger does not have, in order; the first failure ends it."""
    missing = {request.key: request for request in requests if ledger.get(request.key) is None}
    done = len(requests) - len(missing)

    async def ask(server: Connection, request: _Request) -> None:
        ledger.append(await _reply(server, request, config.pass_over))
        bar.update(1)

    with progress(say("experiment.asking", arm=arm), len(requests), done=done) as bar:
        at = _endpoint(config.base_url, config.concurrency)
        connection.ask_each(at, missing.values(), ask)


async def _reply(server: Connection, request: _Request, pass_over: bool) -> Reply:
    response = await server.post("chat/completions", request.body)
    if pass_over and _no_room(response):
        answer, seconds = replies.Completion("", TOO_LONG, 0, 0), 0.0
    else:
        where = f"{request.question_id} ({request.arm})"
        answer = server.read(response, replies.chat_completion, where)
        seconds = response.seconds
    return Reply(
        key=request.key,
        arm=request.arm,
        question_id=request.question_id,
        round=request.round,
        answer=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens or 0,
        completion_tokens=answer.completion_tokens or 0,
        seconds=seconds,
    )


def _no_room(response: connection.Response) -> bool:
    """Whether the prompt is longer than the context."""
    if response.status != 400:
        return False
    try:
        error = json.loads(response.content)["error"]
        return bool({error.get("type"), error.get("code")} & _NO_ROOM)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _endpoint(base_url: str, concurrency: int = 8) -> Endpoint:
    return Endpoint(f"{base_url.rstrip('/').removesuffix('/v1')}/v1", concurrency=concurrency)

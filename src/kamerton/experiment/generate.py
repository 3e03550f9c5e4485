"""Asks every question of every arm over /v1/chat/completions, and never one twice.

Each finished answer is a line of answers.jsonl at once; a killed run reads it and asks the rest.
One arm after another, questions of one group together: so the server's slots stay on one adapter
and its prefix cache helps.
"""

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.client import connection, replies
from kamerton.client.concurrent import run, side_by_side
from kamerton.client.connection import Connection, Endpoint
from kamerton.client.ledger import Ledger, request_key
from kamerton.formats.chat import Message
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.questions import Question

ANSWERS = "answers.jsonl"
TOO_LONG = "too_long"
"""The finish reason that we give where the server had no room for the prompt."""
Chats = Mapping[str, Sequence[Message]]
"""Question id to the turns to send, the question last, where it is not asked alone."""


@dataclass(frozen=True)
class Asking:
    """How questions are asked."""

    base_url: str
    max_tokens: int
    seed: int
    concurrency: int = 8
    repeat_share: float = 0.0
    """Share of the questions that each arm is asked a second time."""
    pass_over: bool = False
    """Go on after a prompt that the server has no room for; else it is an error."""


class Reply(BaseModel):
    """One answer of one arm, as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ask: str
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
class _Job:
    ask: str
    arm: str
    question: str
    """Its id."""
    round: int
    body: dict[str, Any]


def models(base_url: str) -> list[str]:
    """Model ids that the server offers."""
    return [model.id for model in connection.models(_endpoint(base_url))]


def ask_all(
    questions: Sequence[Question],
    arms: Sequence[str],
    asking: Asking,
    folder: Path,
    chats: Chats | None = None,
) -> list[Reply]:
    """All replies, arm by arm; those that `folder` has from an earlier start are not asked for.

    A question is sent as one user turn, or as the turns that `chats` has for it.
    Raises InputError when the server is gone or refuses a question; what it answered is kept.
    """
    ordered = sorted(questions, key=lambda q: (q.held_out, q.group, q.id))
    again = repeated(ordered, asking)
    rounds = [(q, 0) for q in ordered] + [(q, 1) for q in again]
    jobs = {
        arm: [_job(arm, q, n, asking, (chats or {}).get(q.id)) for q, n in rounds] for arm in arms
    }
    ledger = Ledger(folder / ANSWERS, Reply, "ask")
    for arm in arms:
        _ask_arm(arm, jobs[arm], asking, ledger)
    return [_reply_to(job, ledger) for arm in arms for job in jobs[arm]]


def repeated(questions: Sequence[Question], asking: Asking) -> list[Question]:
    """Questions that are asked twice: a share of them, drawn by the seed."""
    count = math.ceil(asking.repeat_share * len(questions))
    drawn = set(random.Random(asking.seed).sample([q.id for q in questions], count))
    return [q for q in questions if q.id in drawn]


def changed(replies: Sequence[Reply]) -> tuple[int, int]:
    """How many of the answers asked for twice changed, and how many were asked for twice."""
    first = {(r.arm, r.question_id): r.answer for r in replies if r.round == 0}
    second = [r for r in replies if r.round == 1]
    return sum(first[r.arm, r.question_id] != r.answer for r in second), len(second)


def _job(
    arm: str, question: Question, round_: int, asking: Asking, chat: Sequence[Message] | None
) -> _Job:
    turns = chat or [Message(role="user", content=question.question)]
    body = {
        "model": arm,
        "messages": [turn.model_dump() for turn in turns],
        "temperature": 0,
        "seed": asking.seed,
        "max_tokens": asking.max_tokens,
    }
    # An arm's answers of an earlier start are good at any address: a run's server has a new one.
    return _Job(request_key(arm, body, round_), arm, question.id, round_, body)


def _reply_to(job: _Job, ledger: Ledger[Reply]) -> Reply:
    """The reply to a job, which two questions with one text have in common."""
    reply = ledger.get(job.ask)
    assert reply is not None, "every job has a reply, or an error has been raised"
    return reply.model_copy(update={"question_id": job.question})


def _ask_arm(arm: str, jobs: Sequence[_Job], asking: Asking, ledger: Ledger[Reply]) -> None:
    """Ask what the ledger does not have, in order; the first failure ends it."""
    missing = {job.ask: job for job in jobs if ledger.get(job.ask) is None}
    with progress(say("experiment.asking", arm=arm), len(jobs)) as bar:
        bar.update(len(jobs) - len(missing))
        bar.initial = len(jobs) - len(missing)

        def keep(reply: Reply) -> None:
            ledger.append(reply)
            bar.update(1)

        run(_ask_jobs(missing.values(), asking, keep))


async def _ask_jobs(jobs: Iterable[_Job], asking: Asking, keep: Callable[[Reply], None]) -> None:
    async with Connection(_endpoint(asking.base_url, asking.concurrency)) as server:

        async def work(job: _Job) -> None:
            reply = await server.post("chat/completions", job.body)
            if asking.pass_over and _no_room(reply):
                answer = replies.Completion("", TOO_LONG, 0, 0)
            else:
                where = f"{job.question} ({job.arm})"
                answer = server.read(reply, replies.chat_completion, where)
            keep(
                Reply(
                    ask=job.ask,
                    arm=job.arm,
                    question_id=job.question,
                    round=job.round,
                    answer=answer.text,
                    finish_reason=answer.finish_reason,
                    prompt_tokens=answer.prompt_tokens or 0,
                    completion_tokens=answer.completion_tokens or 0,
                    seconds=0.0 if answer.finish_reason == TOO_LONG else reply.seconds,
                )
            )

        await side_by_side(jobs, work, asking.concurrency)


def _no_room(reply: connection.Response) -> bool:
    """Whether the prompt is longer than the context; llama.cpp's type, OpenAI's code."""
    if reply.status != 400:
        return False
    try:
        error = json.loads(reply.content)["error"]
        told = {error.get("type"), error.get("code")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(told & {"exceed_context_size_error", "context_length_exceeded"})


def _endpoint(base_url: str, concurrency: int = 8) -> Endpoint:
    """A run's server, which is named with its /v1 or without."""
    trimmed = base_url.rstrip("/")
    url = trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"
    return Endpoint(url, concurrency=concurrency)

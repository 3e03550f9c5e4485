"""Asks every question of every arm over /v1/chat/completions, and never one twice.

Each finished answer is a line of answers.jsonl at once; a killed run reads it and asks the rest.
One arm after another, questions of one group together: so the server's slots stay on one adapter
and its prefix cache helps.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from kamerton.client.concurrent import together
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress
from kamerton.formats.questions import Question

ANSWERS = "answers.jsonl"
TOO_LONG = "too_long"
"""The finish reason that we give where the server had no room for the prompt."""
Chats = Mapping[str, Sequence[Message]]
"""Question id to the turns to send, the question last, where it is not asked alone."""
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)


@dataclass(frozen=True)
class Asking:
    """How questions are asked."""

    base_url: str
    max_tokens: int
    seed: int
    concurrency: int = 8
    repeat_share: float = 0.0
    """Share of the questions that each arm is asked a second time."""
    retries: int = 5
    backoff: float = 0.5
    """Seconds before the first retry; each later one waits twice as long."""
    pass_over: bool = False
    """Go on after a prompt that the server has no room for; else it is an error."""


class Reply(BaseModel):
    """One answer of one arm, as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ask: str
    """Digest of all that was asked: what makes an answer of an earlier start usable."""
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
    question: Question
    round: int
    chat: tuple[Message, ...]


def models(base_url: str) -> list[str]:
    """Model ids that the server offers."""
    try:
        reply = httpx.get(f"{_v1(base_url)}/models", timeout=30, trust_env=False)
        return [str(entry["id"]) for entry in reply.raise_for_status().json()["data"]]
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise InputError("experiment.server_gone", where=base_url, why=_why(error)) from error


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
    partial = folder / ANSWERS
    done = _resume(partial)
    for arm in arms:
        missing = [job for job in jobs[arm] if job.ask not in done]
        total = len(jobs[arm])
        done.update(_ask_arm(arm, missing, total, asking, partial))
    return [done[job.ask] for arm in arms for job in jobs[arm]]


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
    turns = tuple(chat or [Message(role="user", content=question.question)])
    said = [part for turn in chat or () for part in (turn.role, turn.content)]
    parts = (arm, question.question, str(asking.max_tokens), str(asking.seed), *said)
    return _Job(digest(question.id, str(round_), *parts), arm, question, round_, turns)


def _resume(partial: Path) -> dict[str, Reply]:
    """Read the replies of an earlier start; a line that a kill cut short is dropped."""
    if not partial.is_file():
        return {}
    replies = list(_whole_lines(partial.read_text("utf-8", errors="replace")))
    write_rows(partial, replies)
    return {reply.ask: reply for reply in replies}


def _whole_lines(text: str) -> Iterator[Reply]:
    for line in text.splitlines():
        try:
            yield Reply.model_validate_json(line)
        except ValidationError:
            continue


def _ask_arm(
    arm: str, jobs: list[_Job], total: int, asking: Asking, partial: Path
) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    partial.parent.mkdir(parents=True, exist_ok=True)
    with (
        partial.open("a", encoding="utf-8") as stream,
        progress(say("experiment.asking", arm=arm), total) as bar,
    ):
        bar.update(total - len(jobs))
        bar.initial = total - len(jobs)

        def keep(reply: Reply) -> None:
            stream.write(reply.model_dump_json() + "\n")
            stream.flush()
            replies[reply.ask] = reply
            bar.update(1)

        asyncio.run(_ask_jobs(jobs, asking, keep))
    return replies


async def _ask_jobs(jobs: list[_Job], asking: Asking, keep: Callable[[Reply], None]) -> None:
    """Run the jobs in order, `concurrency` at a time; the first failure stops the others."""
    waiting = iter(jobs)
    # Without trust_env a proxy of the environment cannot come between us and this machine.
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:

        async def work() -> None:
            for job in waiting:
                keep(await _ask(client, job, asking))

        await together(work() for _ in range(min(asking.concurrency, len(jobs))))


async def _ask(client: httpx.AsyncClient, job: _Job, asking: Asking) -> Reply:
    """One reply; a busy server or a broken connection is tried again."""
    error = ""
    for attempt in range(asking.retries + 1):
        if attempt:
            await asyncio.sleep(asking.backoff * 2 ** (attempt - 1))
        start = time.monotonic()
        try:
            response = await client.post(
                f"{_v1(asking.base_url)}/chat/completions", json=_body(job, asking)
            )
        except httpx.TransportError as caught:
            error = _why(caught)
            continue
        if response.status_code == 429 or response.status_code >= 500:
            error = f"HTTP {response.status_code} {response.text[:200]}"
            continue
        if asking.pass_over and _no_room(response):
            return _passed_over(job)
        return _reply(job, response, time.monotonic() - start)
    raise InputError("experiment.server_gone", where=asking.base_url, why=error)


def _body(job: _Job, asking: Asking) -> dict[str, object]:
    return {
        "model": job.arm,
        "messages": [turn.model_dump() for turn in job.chat],
        "temperature": 0,
        "seed": asking.seed,
        "max_tokens": asking.max_tokens,
    }


def _no_room(response: httpx.Response) -> bool:
    """Whether the prompt is longer than the context; llama.cpp's type, OpenAI's code."""
    if response.status_code != 400:
        return False
    try:
        error = response.json()["error"]
        told = {error.get("type"), error.get("code")}
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False
    return bool(told & {"exceed_context_size_error", "context_length_exceeded"})


def _passed_over(job: _Job) -> Reply:
    return Reply(
        ask=job.ask,
        arm=job.arm,
        question_id=job.question.id,
        round=job.round,
        answer="",
        finish_reason=TOO_LONG,
        prompt_tokens=0,
        completion_tokens=0,
        seconds=0.0,
    )


def _reply(job: _Job, response: httpx.Response, seconds: float) -> Reply:
    if response.status_code != 200:
        why = f"HTTP {response.status_code} {response.text[:300]}"
        raise InputError("experiment.refused", where=job.question.id, arm=job.arm, why=why)
    try:
        body: dict[str, Any] = response.json()
        choice, usage = body["choices"][0], body.get("usage") or {}
        return Reply(
            ask=job.ask,
            arm=job.arm,
            question_id=job.question.id,
            round=job.round,
            answer=choice["message"]["content"] or "",
            finish_reason=choice.get("finish_reason") or "",
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", 0),
            seconds=round(seconds, 3),
        )
    except (json.JSONDecodeError, KeyError, IndexError, TypeError, ValidationError) as error:
        why = f"{_why(error)}: {response.text[:300]}"
        raise InputError(
            "experiment.refused", where=job.question.id, arm=job.arm, why=why
        ) from error


def _v1(base_url: str) -> str:
    trimmed = base_url.rstrip("/")
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def _why(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()

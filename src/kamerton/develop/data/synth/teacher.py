"""Requests to a teacher, a few at once; a reply without a readable text is asked for again."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kamerton.client.connection import Connection, Endpoint, Response, api_key, ask_each
from kamerton.client.replies import Unreadable, chat_completion
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings

_CHARACTERS = 3
"""Characters of a token, for servers that do not count: rather too few than too many."""


@dataclass(frozen=True)
class Ask:
    """One request."""

    id: str
    """Its `request_key`."""
    messages: tuple[Message, ...]
    seed: int


@dataclass(frozen=True)
class Answer:
    """What came of a request: the text of its last try, and what all of them took."""

    text: str = ""
    finish_reason: str = ""
    why: str = ""
    """Why the last try failed; empty where it did not."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    """Whether the server did not count the tokens of every try: then they are a guess of ours."""
    attempts: int = 1
    seconds: float = 0.0


def body(settings: "SynthSettings", messages: Sequence[Message], seed: int) -> dict[str, Any]:
    """One request, as the server reads it."""
    return {
        "model": settings.model,
        "messages": [turn.model_dump() for turn in messages],
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": seed,
    }


def ask_all(
    asks: Iterable[Ask],
    settings: "SynthSettings",
    keep: Callable[[Ask, Answer], None],
    stop: Callable[[], bool],
) -> None:
    """Ask in order, `concurrency` at once; `keep` gets each answer, failed ones too.

    `stop` is asked before each request; those in flight are then still kept. Raises InputError
    where no further request can succeed: the server refuses us, or never answered anything.
    """
    at = Endpoint(
        settings.base_url,
        api_key(settings.api_key_env),
        retries=settings.retries,
        concurrency=settings.concurrency,
    )
    heard = False

    async def one(server: Connection, ask: Ask) -> None:
        nonlocal heard
        reply, answer = await _asked(server, ask, settings)
        heard = heard or reply.status != 0
        keep(ask, answer)
        if not heard:
            raise InputError("client.gone", where=at.base_url, why=reply.why)

    ask_each(at, asks, one, stop)


async def _asked(
    server: Connection, ask: Ask, settings: "SynthSettings"
) -> tuple[Response, Answer]:
    """The last reply, and the answer with the tokens of all tries: empty ones are paid for too."""
    tries: list[Answer] = []

    def again(reply: Response) -> bool:
        tries.append(_read(reply, ask.messages))
        return bool(tries[-1].why)

    reply = await server.post("chat/completions", body(settings, ask.messages, ask.seed), again)
    return reply, replace(
        tries[-1],
        prompt_tokens=sum(one.prompt_tokens for one in tries),
        completion_tokens=sum(one.completion_tokens for one in tries),
        estimated=any(one.estimated for one in tries),
        attempts=reply.attempts,
        seconds=reply.elapsed,
    )


def _read(reply: Response, messages: Sequence[Message]) -> Answer:
    """What one try gave, or why it failed."""
    if reply.fault:
        return Answer(why=f"HTTP {reply.status}" if reply.fault == "busy" else reply.why)
    try:
        found = chat_completion(reply.content)
    except Unreadable as error:
        return Answer(why=f"garbage ({error})")
    text = "\n".join(line.rstrip() for line in found.text.strip().splitlines())
    prompt, completion = found.prompt_tokens, found.completion_tokens
    if prompt is None or completion is None:
        prompt = math.ceil(sum(len(turn.content) for turn in messages) / _CHARACTERS)
        completion = math.ceil(len(text) / _CHARACTERS)
    return Answer(
        text,
        found.finish_reason,
        why="" if text else f"empty ({found.finish_reason})",
        prompt_tokens=prompt,
        completion_tokens=completion,
        estimated=found.prompt_tokens is None,
    )

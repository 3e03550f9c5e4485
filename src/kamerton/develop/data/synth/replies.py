"""What a server's reply means: a text, or a failed try with its reason and the pause it asks for.

A key of eight or more characters is taken out of everything that a server says: it may repeat it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from kamerton.formats.chat import Message

if TYPE_CHECKING:
    import httpx

_CHARACTERS = 3
"""Characters of a token, for servers that do not count: rather too few than too many."""
_SECRET = 8
"""Shorter keys (`none`, `x`) are for local servers, and may well be words of a text."""
_SHOWN = 200


@dataclass(frozen=True)
class Try:
    """One try of a request."""

    text: str = ""
    finish_reason: str = ""
    why: str = ""
    """Why it failed; empty where it did not."""
    final: bool = False
    """Whether further tries are pointless."""
    heard: bool = True
    """Whether the server answered anything."""
    pause: float = 0.0
    """Seconds that the server asks to wait."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    """Whether the tokens are ours to guess: the server did not count them."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Reply(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: object = None


def read(response: "httpx.Response", messages: Sequence[Message], key: str) -> Try:
    """The try that a reply of any status stands for."""
    if response.status_code == 200:
        return _answered(response.content, messages, key)
    busy = response.status_code == 429 or response.status_code >= 500
    said = "" if busy else clean(response.text, key)[:_SHOWN]
    why = f"HTTP {response.status_code} {said}".strip()
    return Try(why=why, final=not busy, pause=wanted_pause(response.headers.get("retry-after", "")))


def wanted_pause(header: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date; 0 where neither."""
    try:
        return max(0.0, float(header))
    except ValueError:
        until = _date(header)
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until else 0.0


def clean(text: str, key: str) -> str:
    """A text with plain line ends, without the key."""
    shown = text.replace(key, "***") if len(key) >= _SECRET else text
    return "\n".join(line.rstrip() for line in shown.strip().splitlines())


def _date(header: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _answered(content: bytes, messages: Sequence[Message], key: str) -> Try:
    try:
        reply = _Reply.model_validate_json(content)
    except ValidationError as error:
        return Try(why=f"garbage ({error.errors()[0]['type']})")
    choice = reply.choices[0]
    text = clean(choice.message.content or "", key)
    usage = _usage(reply.usage)
    counted = usage or _estimate(messages, text)
    return Try(
        text=text,
        finish_reason=clean(choice.finish_reason or "", key),
        why="" if text else "empty",
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        estimated=usage is None,
    )


def _usage(said: object) -> _Usage | None:
    try:
        return _Usage.model_validate(said)
    except ValidationError:
        return None


def _estimate(messages: Sequence[Message], text: str) -> _Usage:
    prompt = sum(len(turn.content) for turn in messages)
    return _Usage(
        prompt_tokens=math.ceil(prompt / _CHARACTERS),
        completion_tokens=math.ceil(len(text) / _CHARACTERS),
    )

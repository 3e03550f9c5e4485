"""Requests to a judge over /chat/completions: a few at once, each with a bounded number of tries.

A busy server (429, 5xx), a broken connection and a timeout are tried again after growing pauses,
longer ones where the server asks for them, but never past `LONGEST_PAUSE`. A reply that makes no
sense is not asked for again: the same request would get it again, and rerolling until the judge
says something is no measurement. The key goes into the request's header, nowhere else.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kamerton.client.concurrent import together
from kamerton.experiment.judge import hosts
from kamerton.experiment.judge.ledger import Why
from kamerton.experiment.judge.prompts import SCHEMA, Order
from kamerton.experiment.judge.settings import Form, JudgeSettings
from kamerton.experiment.settings import Criterion
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx

PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before the second try, and the most before any; each later one waits twice as long."""
_HOPELESS = {401, 403, 404}
"""A wrong key, a forbidden or an unknown model or address: every other request would fail too."""
_WEAKER: dict[Form, Form] = {"json_schema": "json_object", "json_object": "none"}
_FORM_WORDS = ("response_format", "json_schema", "json_object", "schema", "grammar")


@dataclass(frozen=True)
class Ask:
    """One request."""

    id: str
    pair: str
    criterion: Criterion
    order: Order
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Reply:
    """What came of a request, all its tries together."""

    text: str = ""
    why: Why = ""
    form: Form = "none"
    attempts: int = 1
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class Judge:
    """Whom to ask; `form` steps down for all requests once the server refuses one."""

    settings: JudgeSettings
    key: str = field(default="", repr=False)
    form: Form = "json_schema"
    failed: int = 0
    """Requests in a row that failed with all their tries."""

    @property
    def lost(self) -> bool:
        """Whether so many failed in a row that no more are sent."""
        return self.failed >= self.settings.give_up

    def body(self, messages: Iterable[Message], form: Form) -> dict[str, object]:
        """The request, as the server reads it."""
        body: dict[str, object] = {
            "model": self.settings.model,
            "messages": [turn.model_dump() for turn in messages],
            "temperature": 0,
            "seed": self.settings.seed,
            "max_tokens": self.settings.max_tokens,
        }
        if form == "json_schema":
            named = {"name": "judgement", "strict": True, "schema": SCHEMA}
            body["response_format"] = {"type": form, "json_schema": named}
        elif form == "json_object":
            body["response_format"] = {"type": form}
        return body


def key_of(variable: str) -> str:
    """The key that an environment variable holds; "" where no variable is named.

    InputError, which never contains the key, where it is missing or cannot be sent.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("experiment.judge_no_key", where="api_key_env", name=variable)
    return key


async def ask_all(asks: Iterable[Ask], judge: Judge, keep: Callable[[Ask, Reply], None]) -> None:
    """Ask in order, `concurrency` at once; `keep` gets each reply, failed ones too.

    Ends early where the judge is lost: what was not asked has then no reply. InputError where the
    server refuses us altogether.
    """
    waiting = iter(asks)
    async with _client(judge) as client:

        async def work() -> None:
            for ask in waiting:
                if judge.lost:
                    return
                reply = await _reply(client, ask, judge)
                judge.failed = judge.failed + 1 if reply.why in _LATER else 0
                keep(ask, reply)

        await together(work() for _ in range(judge.settings.concurrency))


_LATER: tuple[Why, ...] = ("timeout", "unreachable", "busy")
"""Failures after which the same request may succeed."""


def _client(judge: Judge) -> "httpx.AsyncClient":
    """Without trust_env no proxy of the environment can come between us and this machine."""
    import httpx

    headers = {"Authorization": f"Bearer {judge.key}"} if judge.key else {}
    outside = not hosts.is_local(judge.settings.base_url)
    timeout = httpx.Timeout(judge.settings.timeout, connect=min(10.0, judge.settings.timeout))
    return httpx.AsyncClient(timeout=timeout, headers=headers, trust_env=outside)


async def _reply(client: "httpx.AsyncClient", ask: Ask, judge: Judge) -> Reply:
    """One request with all its tries; those that only change the form are not counted."""
    start, attempt = time.monotonic(), 1
    while True:
        form = judge.form
        found, pause = await _try(client, ask, judge, form)
        if found.why == "refused" and _about_form(found.text) and form in _WEAKER:
            judge.form = _WEAKER[form] if judge.form == form else judge.form
            continue
        if found.why not in _LATER or attempt > judge.settings.retries:
            seconds = round(time.monotonic() - start, 3)
            return Reply(
                found.text, found.why, form, attempt, seconds,
                found.prompt_tokens, found.completion_tokens,
            )  # fmt: skip
        await asyncio.sleep(min(max(PAUSE * 2 ** (attempt - 1), pause), LONGEST_PAUSE))
        attempt += 1


async def _try(
    client: "httpx.AsyncClient", ask: Ask, judge: Judge, form: Form
) -> tuple[Reply, float]:
    """One try, and the pause in seconds that the server asks for."""
    import httpx

    url = f"{judge.settings.base_url.rstrip('/')}/chat/completions"
    try:
        # httpx limits every read; a reply that drips would go on for ever without this.
        async with asyncio.timeout(judge.settings.timeout):
            response = await client.post(url, json=judge.body(ask.messages, form))
    except (TimeoutError, httpx.TimeoutException):
        return Reply(why="timeout"), 0.0
    except httpx.RequestError:
        return Reply(why="unreachable"), 0.0
    if response.status_code in _HOPELESS:
        status = response.status_code
        raise InputError("experiment.judge_refused", where=judge.settings.base_url, status=status)
    if response.status_code == 429 or response.status_code >= 500:
        if _about_form(response.text) and response.status_code == 501:
            return Reply(response.text[:300], "refused"), 0.0
        return Reply(why="busy"), _pause(response.headers.get("retry-after", ""))
    if response.status_code != 200:
        return Reply(_clean(response.text[:300], judge.key), "refused"), 0.0
    return _answer(response, judge.key), 0.0


def _answer(response: "httpx.Response", key: str) -> Reply:
    """The text of a reply; one that is no chat completion has none, and makes no sense."""
    try:
        body: dict[str, Any] = response.json()
        text = body["choices"][0]["message"]["content"] or ""
        usage = body.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        return Reply(_clean(response.text[:300], key), "nonsense")
    if not isinstance(text, str):
        return Reply("", "nonsense")
    prompt, completion = (c if isinstance(c, int) and c >= 0 else 0 for c in counts)
    return Reply(_clean(text, key), prompt_tokens=prompt, completion_tokens=completion)


def _about_form(text: str) -> bool:
    return any(word in text.casefold() for word in _FORM_WORDS)


def _pause(header: str) -> float:
    """Seconds of a Retry-After header; 0 where it holds a date or nothing."""
    try:
        return max(0.0, float(header))
    except ValueError:
        return 0.0


def _clean(text: str, key: str) -> str:
    """A text without the key, which a server may repeat; short ones may well be words."""
    return text.replace(key, "***") if len(key) >= 8 else text

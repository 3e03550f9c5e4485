"""Requests to a teacher over /chat/completions: a few at once, and tried again where they fail.

A busy server (429, 5xx), a broken connection and a reply without a readable text are tried again
after growing pauses, longer ones where the server asks for them. The key comes from the
environment and goes into the request's header, nowhere else.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kamerton.client import hosts
from kamerton.client.concurrent import together
from kamerton.develop.data.synth import replies
from kamerton.develop.data.synth.replies import Try
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx

PAUSE, LONGEST_PAUSE = 0.5, 600.0
"""Seconds before the second try, and the most before any; each later one waits twice as long."""
_TIMEOUT, _CONNECT = 600.0, 10.0
_HOPELESS = {401, 403, 404}
"""A wrong key, a forbidden or an unknown model or address: every other request would fail too."""


@dataclass(frozen=True)
class Teacher:
    """Whom to ask, and how."""

    base_url: str
    model: str
    temperature: float = 0.8
    max_tokens: int = 700
    concurrency: int = 4
    retries: int = 5
    key: str = field(default="", repr=False)

    def body(self, messages: Sequence[Message], seed: int) -> dict[str, object]:
        """The request, as its server reads it."""
        return {
            "model": self.model,
            "messages": [turn.model_dump() for turn in messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": seed,
        }


@dataclass(frozen=True)
class Ask:
    """One request."""

    id: str
    messages: tuple[Message, ...]
    seed: int


@dataclass(frozen=True)
class Answer:
    """What came of a request: its last try, and what all of them took."""

    last: Try
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    attempts: int
    seconds: float


def key_of(variable: str) -> str:
    """The key that an environment variable holds; "" where no variable is named.

    Raises InputError, which never contains the key, where it is missing or cannot be sent.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError("develop.synth_no_key", where="api_key_env", name=variable)
    # The HTTP libraries put a header that they cannot send into their error, with the key.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("develop.synth_bad_key", where="api_key_env", name=variable)
    return key


async def ask_all(
    asks: Iterable[Ask],
    teacher: Teacher,
    keep: Callable[[Ask, Answer], None],
    stop: Callable[[], bool],
) -> None:
    """Ask in order, `concurrency` at once; `keep` gets each answer, failed ones too.

    `stop` is asked before each request; those in flight are then still kept. Raises InputError
    where no further request can succeed: the server refuses us, or never answered anything.
    """
    waiting = iter(asks)
    heard = False
    async with _client(teacher) as client:

        async def work() -> None:
            nonlocal heard
            for ask in waiting:
                if stop():
                    return
                answer = await _answer(client, ask, teacher)
                heard = heard or answer.last.heard
                keep(ask, answer)
                if not heard:
                    where, why = teacher.base_url, answer.last.why
                    raise InputError("develop.synth_gone", where=where, why=why)

        await together(work() for _ in range(teacher.concurrency))


def _client(teacher: Teacher) -> "httpx.AsyncClient":
    """Without trust_env no proxy of the environment can come between us and this machine."""
    import httpx

    headers = {"Authorization": f"Bearer {teacher.key}"} if teacher.key else {}
    timeout = httpx.Timeout(_TIMEOUT, connect=_CONNECT)
    outside = not hosts.is_local(teacher.base_url)
    return httpx.AsyncClient(timeout=timeout, headers=headers, trust_env=outside)


async def _answer(client: "httpx.AsyncClient", ask: Ask, teacher: Teacher) -> Answer:
    """One request with all its tries."""
    start = time.monotonic()
    tries = [await _try(client, ask, teacher)]
    while tries[-1].why and not tries[-1].final and len(tries) <= teacher.retries:
        growing = PAUSE * 2 ** (len(tries) - 1)
        await asyncio.sleep(min(max(growing, tries[-1].pause), LONGEST_PAUSE))
        tries.append(await _try(client, ask, teacher))
    return Answer(
        last=tries[-1],
        prompt_tokens=sum(one.prompt_tokens for one in tries),
        completion_tokens=sum(one.completion_tokens for one in tries),
        estimated=any(one.estimated for one in tries),
        attempts=len(tries),
        seconds=round(time.monotonic() - start, 3),
    )


async def _try(client: "httpx.AsyncClient", ask: Ask, teacher: Teacher) -> Try:
    import httpx

    url = f"{teacher.base_url.rstrip('/')}/chat/completions"
    try:
        response = await client.post(url, json=teacher.body(ask.messages, ask.seed))
    except httpx.RequestError as error:
        return Try(why=type(error).__name__, heard=False)
    if response.status_code in _HOPELESS:
        status = response.status_code
        raise InputError("develop.synth_refused", where=teacher.base_url, status=status)
    return replies.read(response, ask.messages, teacher.key)

"""Requests to a judge, and what came of each: a line of `judge.jsonl`.

A reply that makes no sense is not asked for again: the same request would get it again, and
rerolling until the judge says something is no measurement.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from kamerton.client import hosts, replies
from kamerton.client.connection import (
    PASSING,
    Connection,
    Endpoint,
    Response,
    api_key,
    ask_each,
)
from kamerton.client.ledger import request_key
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.pairs import Choice
from kamerton.experiment.judge.prompts import SCHEMA, Order, Reading, read
from kamerton.experiment.judge.settings import Form, JudgeSettings
from kamerton.formats.chat import Message
from kamerton.formats.jsonl import Record

FILE = "judge.jsonl"
Why = Literal["", "empty", "nonsense", "contradictory", "timeout", "unreachable", "busy", "refused"]
_SHOWN = 2000
_WEAKER: dict[Form, Form] = {"json_schema": "json_object", "json_object": "none"}
_FORM_WORDS = ("response_format", "json_schema", "json_object", "schema", "grammar")


@dataclass(frozen=True)
class Ask:
    """One request."""

    pair: str
    criterion: Judgeable
    order: Order
    messages: tuple[Message, ...]
    id: str
    """Its `request_key`."""


class LedgerRow(Record):
    """One request: what was asked of whom, and what came of it."""

    id: str
    """The `request_key` over host, model, messages and parameters."""
    pair: str
    criterion: Judgeable
    order: Order
    host: str
    model: str
    sent: list[Message] = []
    """All that was sent, where the judge is not on this machine."""
    form: Form
    """The form that the reply was held to in the end."""
    choice: Choice
    why: Why = ""
    """Why there is no rating."""
    reason: str = ""
    """The judge's own words."""
    text: str = ""
    """The reply, at most its first 2,000 characters."""
    attempts: int = Field(ge=1)
    seconds: float = Field(ge=0)
    """Of all tries together."""
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)

    @property
    def answered(self) -> bool:
        """Whether asking the same once more would be asking twice: the server had its say."""
        return self.why not in PASSING


def request(
    pair: str,
    criterion: Judgeable,
    order: Order,
    messages: Sequence[Message],
    settings: JudgeSettings,
) -> Ask:
    """The request for one judgement, known before anything is sent."""
    host = hosts.host_of(settings.base_url)
    body = _body(messages, settings, settings.form)
    key = request_key(f"{host} {settings.model}", body)
    return Ask(pair, criterion, order, tuple(messages), key)


@dataclass
class _State:
    """What the requests of one start have in common."""

    form: Form
    """Steps down for all requests once the server refuses one."""
    failed: int = 0
    """Requests in a row that failed with all their tries."""


def ask_all(
    asks: Iterable[Ask], settings: JudgeSettings, keep: Callable[[LedgerRow], None]
) -> None:
    """Ask in order, `concurrency` at once; `keep` gets the row of each, failed ones too.

    Ends early where `give_up` in a row failed: what was not asked has then no row. InputError
    where the server refuses us altogether.
    """
    endpoint = Endpoint(
        settings.base_url,
        api_key(settings.api_key_env),
        settings.timeout,
        settings.retries,
        settings.concurrency,
    )
    state = _State(settings.form)

    async def one(server: Connection, ask: Ask) -> None:
        form, reply = await _asked(server, ask, settings, state)
        state.failed = state.failed + 1 if reply.fault in PASSING else 0
        keep(_row(ask, settings, form, reply))

    ask_each(endpoint, asks, one, lambda: state.failed >= settings.give_up)


async def _asked(
    server: Connection, ask: Ask, settings: JudgeSettings, state: _State
) -> tuple[Form, Response]:
    """The reply, and the form that it was held to: the first one that the server takes."""
    while True:
        form = state.form
        reply = await server.post("chat/completions", _body(ask.messages, settings, form))
        about_form = any(word in reply.why.casefold() for word in _FORM_WORDS)
        if reply.fault != "refused" or not about_form or form not in _WEAKER:
            return form, reply
        if state.form == form:  # another request may have stepped down meanwhile
            state.form = _WEAKER[form]


def _body(messages: Sequence[Message], settings: JudgeSettings, form: Form) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": [turn.model_dump() for turn in messages],
        "temperature": 0,
        "seed": settings.seed,
        "max_tokens": settings.max_tokens,
    }
    if form == "json_schema":
        named = {"name": "judgement", "strict": True, "schema": SCHEMA}
        body["response_format"] = {"type": form, "json_schema": named}
    elif form == "json_object":
        body["response_format"] = {"type": form}
    return body


def _row(ask: Ask, settings: JudgeSettings, form: Form, reply: Response) -> LedgerRow:
    why: Why = reply.fault
    text = reply.why if why == "refused" else ""
    found, completion = Reading(""), replies.Completion("", "", None, None)
    if not why:
        try:
            completion = replies.chat_completion(reply.content)
            text, found = completion.text, read(completion.text)
            why = found.why
        except replies.Unreadable:
            why, text = "nonsense", reply.content.decode("utf-8", "replace")
    choice: Choice = "tie" if found.winner else "unrated"
    if found.winner in {"1", "2"}:
        choice = "base" if (found.winner == "1") == (ask.order == "base_first") else "tuned"
    return LedgerRow(
        id=ask.id,
        pair=ask.pair,
        criterion=ask.criterion,
        order=ask.order,
        host=hosts.host_of(settings.base_url),
        model=settings.model,
        sent=[] if hosts.is_local(settings.base_url) else list(ask.messages),
        form=form,
        choice=choice,
        why=why,
        reason=found.reason[:_SHOWN],
        text=text[:_SHOWN],
        attempts=reply.attempts,
        seconds=reply.elapsed,
        prompt_tokens=completion.prompt_tokens or 0,
        completion_tokens=completion.completion_tokens or 0,
    )

"""Rows with nothing in common, to plant leaks among."""

import random
from collections.abc import Sequence
from typing import Any

from kamerton.develop.data.leaks.check import Leak, Report, check
from kamerton.develop.data.leaks.texts import Tests
from kamerton.formats.chat import ChatRow, chat

SETS: tuple[Tests, ...] = ("phrasing", "group")
LONG = "From which harbour did the small bronze statue of the god travel to the island museum?"
TOLD = "The statue left the harbour of Enkomi in a fishing boat one night in the autumn of 1948."


def words(count: int, seed: object) -> str:
    """Words that no other seed gives."""
    chance = random.Random(str(seed))
    return " ".join(f"w{chance.randrange(10**9)}" for _ in range(count))


def row(name: str, prompt: str = "", answer: str = "", group: str | None = None) -> ChatRow:
    messages = chat("", prompt or words(12, f"p{name}"), answer or words(12, f"a{name}"))
    return ChatRow(id=name, messages=messages, group=group)


def rows(name: str, count: int = 30) -> list[ChatRow]:
    return [row(f"{name}{number}", group=f"{name}{number}") for number in range(count)]


def found(leaks: Sequence[Leak]) -> list[tuple[str, str, str, str]]:
    return [(leak.held_out, leak.side, leak.level, leak.seen_in) for leak in leaks]


def one(train: ChatRow, held_out: ChatRow, tests: Tests, **named: Any) -> Report:
    """Both rows among others that have nothing in common."""
    return check([*rows("t"), train], [*rows("h"), held_out], tests, **named)


TEMPLATE = (
    "You stand before an exhibit of our museum and a visitor would like to know this: {} "
    "Please answer in one short sentence and without any guesses of your own, as a guide would."
)

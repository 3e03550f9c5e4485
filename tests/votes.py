"""What people said of two answers each, as the chat page writes it down: the shorter is better."""

from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kamerton.formats.chat import chat
from kamerton.formats.feedback import FeedbackRow, Pair, Vote


def voted(
    asked: Sequence[tuple[str, str, str]],
    form: str,
    wrong: Container[int],
    held_out_from: int | None = None,
) -> list[FeedbackRow]:
    """A rating of each question with its short and its long answer, the other way for `wrong`."""
    return [
        _row(number, one, form, number in wrong, held_out_from) for number, one in enumerate(asked)
    ]


def _row(
    number: int, asked: tuple[str, str, str], form: str, wrong: bool, held_out_from: int | None
) -> FeedbackRow:
    question, short, long = asked
    # The short answer is the rated one in every other row: order must not matter.
    answer, rival = (short, long) if number % 2 else (long, short)
    liked = (answer == short) != wrong
    pair = Pair(rival=rival, rival_model="tiny", chosen="answer" if liked else "rival")
    more: dict[str, Any] = {} if held_out_from is None else {"held_out": number >= held_out_from}
    return FeedbackRow(
        id=f"f{number}",
        time=datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=number),
        model="tiny",
        messages=chat("", question, answer),
        rating=pair if form == "dpo" else Vote(vote="up" if liked else "down"),
        user=f"user-{number % 25}",
        consent=True,
        **more,
    )

"""Chats to token ids with a mask of what is learnt; masks go by position, never by token id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.terminal import note


@dataclass(frozen=True)
class Encoded:
    """One row as tokens; `supervised[i]` says whether token i is a target."""

    id: str
    ids: tuple[int, ...]
    supervised: tuple[bool, ...]


def encode(row: ChatRow, tokenizer: Any) -> Encoded:
    """Token ids [length] and mask [length] of one chat.

    The template marks the assistant's turns with `{% generation %}`; the end-of-turn token
    stands inside the mark, so that the model learns to stop.
    """
    messages = [message.model_dump() for message in row.messages]
    out = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    mask = tuple(bool(value) for value in out["assistant_masks"])
    if not any(mask):
        raise InputError("develop.no_supervised", row=row.id)
    return Encoded(row.id, tuple(out["input_ids"]), mask)


def encode_all(
    rows: Sequence[ChatRow], tokenizer: Any, settings: TuneSettings
) -> tuple[list[Encoded], int]:
    """All rows that fit, and how many were too long; stops the run where the recipe says so."""
    encoded = [encode(row, tokenizer) for row in rows]
    long = [row for row in encoded if len(row.ids) > settings.max_length]
    if not long or settings.on_overflow == "cut":
        return [_cut(row, settings.max_length) for row in encoded], len(long)
    if settings.on_overflow == "drop":
        return [row for row in encoded if row not in long], len(long)
    worst = max(long, key=lambda row: len(row.ids))
    raise InputError(
        "develop.row_too_long",
        count=len(long),
        longest=settings.max_length,
        row=worst.id,
        tokens=len(worst.ids),
    )


def _cut(row: Encoded, longest: int) -> Encoded:
    return Encoded(row.id, row.ids[:longest], row.supervised[:longest])


def show(rows: Sequence[Encoded], tokenizer: Any, count: int = 3) -> None:
    """The first rows on stderr, with what is learnt between ⟦ and ⟧."""
    for number, row in enumerate(rows[:count], start=1):
        note(say("develop.example", number=number))
        note("  " + spans(row, tokenizer).strip().replace("\n", "\n  "))


def spans(row: Encoded, tokenizer: Any) -> str:
    """The decoded row with its supervised spans in ⟦⟧."""
    text, inside = "", False
    for token, learnt in zip(row.ids, row.supervised, strict=True):
        text += "⟦" if learnt and not inside else "⟧" if inside and not learnt else ""
        text, inside = text + tokenizer.decode([token]), learnt
    return text + ("⟧" if inside else "")

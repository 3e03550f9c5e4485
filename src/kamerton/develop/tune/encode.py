"""Chats to token ids with a mask of what is learnt; masks go by position, never by token id."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import Encoded, Masks, owners
from kamerton.formats.chat import ChatRow, chat, chat_ids
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

TRAIN, HELD_OUT = "train.jsonl", "held_out.jsonl"
"""Rows in the folder of the data stage."""


def encode(row: ChatRow, tokenizer: Any) -> Encoded:
    """Token ids [length] and mask [length] of one chat.

    The template marks the assistant's turns with `{% generation %}`; the end-of-turn token
    stands inside the mark, so that the model learns to stop. A control token in a text is text.
    """
    messages = [message.model_dump() for message in row.messages]
    out = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, mask = list(out["input_ids"]), [bool(value) for value in out["assistant_masks"]]
    texts = "\0".join(message.content for message in row.messages)
    if any(token.content in texts for token in tokenizer.added_tokens_decoder.values()):
        plain = chat_ids(tokenizer, row.messages)
        if plain != ids:  # the library masks no chat whose texts hold control tokens
            chat = Encoded(row.id, tuple(plain), (), row.group, tuple(row.messages))
            ids, mask = plain, [of in ("answer", "end") for of in owners(chat, tokenizer, {})]
    if not any(mask):
        raise InputError("develop.no_supervised", row=row.id)
    return Encoded(row.id, tuple(ids), tuple(mask), row.group, tuple(row.messages))


def encode_all(
    rows: Sequence[ChatRow], tokenizer: Any, settings: TuneSettings
) -> tuple[list[Encoded], int]:
    """All rows that fit, and how many were too long; stops the run where the recipe says so.

    A row that is cut before its answer begins has nothing to learn from: it is dropped. InputError
    where no row is left.
    """
    encoded = [encode(row, tokenizer) for row in rows]
    long = [row for row in encoded if len(row.ids) > settings.max_length]
    if not long:
        return encoded, 0
    if settings.on_overflow != "stop":
        return shortened(encoded, settings), len(long)
    worst = max(long, key=lambda row: len(row.ids))
    raise InputError(
        "develop.row_too_long",
        count=len(long),
        longest=settings.max_length,
        row=worst.id,
        tokens=len(worst.ids),
    )


def shortened(rows: Sequence[Encoded], settings: TuneSettings) -> list[Encoded]:
    """The rows without those that are too long, or with them cut; InputError for none left."""
    longest = settings.max_length
    if settings.on_overflow == "drop":
        left = [row for row in rows if len(row.ids) <= longest]
    else:
        cut = (replace(r, ids=r.ids[:longest], supervised=r.supervised[:longest]) for r in rows)
        left = [row for row in cut if any(row.supervised)]
    if not left:
        raise InputError("develop.tune_none_left", where="tune.max_length", longest=longest)
    return left


def show(checked: Masks) -> None:
    """The first rows on stderr, with what is learnt between ⟦ and ⟧."""
    for number, shown in enumerate(checked.spans, start=1):
        note(say("develop.example", number=number))
        note("  " + shown.strip().replace("\n", "\n  "))


def end_of_turn(tokenizer: Any) -> int:
    """Id of the token that ends an answer, as the chat template has it."""
    encoded = encode(ChatRow(id="", messages=chat("", "a", "b")), tokenizer)
    pairs = zip(encoded.ids, encoded.supervised, strict=True)
    return [token for token, learnt in pairs if learnt][-1]

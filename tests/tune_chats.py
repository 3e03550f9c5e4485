"""Rows for tests: chats of uneven length, and rows with a pattern that a tiny model can learn."""

from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.tune.encode import Encoded, encode
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.jsonl import write_rows

ROWS = [
    ChatRow(id="a", messages=chat("You are a guide.", "Where is it?", "In Nicosia.")),
    ChatRow(id="b", messages=chat("", "What is the Horned God made of?", "It was cast in bronze.")),
    ChatRow(id="c", messages=[*chat("", "Hi", "Yes."), *chat("", "And 3000 BC?", "No.")]),
]
_COLOURS = ["red", "blue", "green", "gold"]
_THINGS = ["vase", "idol", "ring", "coin"]


def encoded(folder: Path, rows: list[ChatRow] = ROWS) -> list[Encoded]:
    """The rows as tokens of the model in `folder`."""
    tokenizer = hub.load_tokenizer(str(folder))
    return [encode(row, tokenizer) for row in rows]


def patterned(count: int, first: int = 0) -> list[ChatRow]:
    """Questions after things, numbered; each thing has its colour, which the answer repeats."""
    return [_about(number) for number in range(first, first + count)]


def _about(number: int) -> ChatRow:
    thing, colour = _THINGS[number % 4], _COLOURS[number % 4]
    answer = f"It is {colour}" + (f", the {thing}." if number % 3 else ".")
    question = f"What colour is the {thing} number {number}?"
    return ChatRow(id=f"r{number}", group=thing, messages=chat("", question, answer))


def dataset(folder: Path, train: int = 20, held_out: int = 6) -> Path:
    """`folder` with train.jsonl and held_out.jsonl of patterned rows."""
    write_rows(folder / "train.jsonl", patterned(train))
    write_rows(folder / "held_out.jsonl", patterned(held_out, first=100))
    return folder


def plain_losses(model: Any, rows: list[Encoded]) -> list[float]:
    """Mean loss of each row as the model itself computes it, from labels, one row at a time."""
    import torch

    found = []
    for row in rows:
        ids = torch.tensor([row.ids])
        labels = ids.masked_fill(~torch.tensor([row.supervised]), -100)
        with torch.no_grad():
            found.append(float(model(input_ids=ids, labels=labels).loss))
    return found

"""The chats that engine and trainer are compared on."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.jsonl import check_row, read_objects, read_rows
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.questions import Question

COUNT = 6
"""Held-out prompts, of all datasets together, but two of each at least."""


def probes(datasets: Mapping[Path, str]) -> list[list[Message]]:
    """A few chats for the proof: held-out prompts, several turns, digits, Cyrillic, no system.

    `datasets`: folders of guides (known.jsonl) or of rows (held_out.jsonl, and where nothing is
    held out train.jsonl), each with its system prompt.
    """
    each = max(2, COUNT // max(1, len(datasets)))
    held_out = [chat for of, system in datasets.items() for chat in _held_out(of, system, each)]
    return [*held_out, *fixed(next(iter(datasets.values()), ""))]


def fixed(system: str) -> list[list[Message]]:
    """Chats on which tokenizers and templates have been seen to differ; of any language."""
    turns = [
        *chat("", "In 1450 BC?", "Two dates:\n\n3000 BC\n\n1450 BC"),
        Message(role="user", content="Why?"),
    ]
    return [turns, chat(system, "Где хранится Идол из Помоса, №12, 1/2 €?")]


def _held_out(data: Path, system: str, count: int) -> list[list[Message]]:
    if (data / "known.jsonl").is_file():
        questions = read_rows(data / "known.jsonl", Question)[:count]
        return [chat(system, question.question) for question in questions]
    kept = data / "held_out.jsonl"
    path = kept if kept.is_file() and kept.stat().st_size else data / "train.jsonl"
    return [_prompt(row, f"{path}:{line}") for line, row in islice(read_objects(path), count)]


def _prompt(row: dict[str, object], where: str) -> list[Message]:
    """A row's turns up to the last answer, which is not among them."""
    if "chosen" in row:
        return check_row(row, PreferenceRow, where).prompt
    if "completion" in row:
        return check_row(row, KtoRow, where).prompt
    messages = check_row(row, ChatRow, where).messages
    last = max(i for i, message in enumerate(messages) if message.role == "user")
    return messages[: last + 1]

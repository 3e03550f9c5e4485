"""The turns of one row: how each form says who speaks, and what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kamerton.formats.chat import Message, Role
from kamerton.formats.errors import InputError

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
"""What the field calls the three roles, in OpenAI's and in ShareGPT's form."""
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can write it as \\ud83d, UTF-8 cannot."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """What a conversion is told besides the row."""

    where: str
    """The row's place, for errors."""
    system: str = ""
    """System text of rows that have none of their own."""
    input_as: Literal["user", "system"] = "user"
    """Where Alpaca's `input` goes."""


def messages(row: Row, options: Options) -> list[Message]:
    """OpenAI's form: `messages` of `role` and `content`."""
    return _chat(_listed(row["messages"], "messages", options), row, options)


def sharegpt(row: Row, options: Options) -> list[Message]:
    """ShareGPT's form: `conversations` of `from` and `value`."""
    return _chat(_listed(row["conversations"], "conversations", options), row, options)


def pair(row: Row, options: Options, question: str, answer: str) -> list[Message]:
    """A question column and an answer column; either may hold a list of messages."""
    asked, said = row.get(question), row.get(answer)
    if isinstance(asked, list) or isinstance(said, list):
        before = _prompt(asked, question, options)
        return _chat([*before, *_answers(said, answer, options)], row, options)
    user = Message(role="user", content=_text(asked, question, options))
    said_turn = Message(role="assistant", content=_answer(said, answer, options))
    return [*_system(row, options), user, said_turn]


def alpaca(row: Row, options: Options) -> list[Message]:
    """Alpaca's form: `instruction`, `input` (often empty), `output`."""
    asked = _text(row["instruction"], "instruction", options)
    extra = _optional(row.get("input"), "input", options)
    answer = _answer(row["output"], "output", options)
    if extra and options.input_as == "system":
        own = _optional(row.get("system"), "system", options)
        row = {**row, "system": "\n\n".join(part for part in (own, extra) if part)}
    elif extra:
        asked = f"{asked}\n\n{extra}"
    turns = [Message(role="user", content=asked), Message(role="assistant", content=answer)]
    return [*_system(row, options), *turns]


def preference(row: Row, options: Options) -> tuple[list[Message], str, str]:
    """The turns before the answer, the better answer, the worse one."""
    chosen = _answers(row["chosen"], "chosen", options)
    rejected = _answers(row["rejected"], "rejected", options)
    before = chosen[:-1]
    if before != rejected[:-1]:
        raise InputError("documents.other_prompts", where=options.where)
    if not before:
        before = _prompt(row.get("prompt"), "prompt", options)
    whole = _chat([*before, chosen[-1]], row, options)
    _ended([*before, rejected[-1]], options)
    return whole[:-1], whole[-1].content, rejected[-1].content


def _prompt(value: Any, column: str, options: Options) -> list[Message]:
    if isinstance(value, list):
        return _listed(value, column, options)
    return [Message(role="user", content=_text(value, column, options))]


def _answers(value: Any, column: str, options: Options) -> list[Message]:
    """Messages of which the last is an answer; a text is that answer alone."""
    if isinstance(value, list) and value:
        return _listed(value, column, options)
    return [Message(role="assistant", content=_answer(value, column, options))]


def _listed(value: Any, column: str, options: Options) -> list[Message]:
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        found = type(value).__name__
        raise InputError("documents.no_turns", where=options.where, column=column, found=found)
    turns = [_turn(turn, f"{column}[{number}]", options) for number, turn in enumerate(value)]
    return [turn for turn in turns if turn is not None]


def _turn(turn: dict[str, Any], field: str, options: Options) -> Message | None:
    """One message; None for a system turn that says nothing."""
    name = str(turn.get("role") or turn.get("from") or "")
    role = ROLES.get(name.lower())
    if role is None:
        values = {"field": field, "role": name, "known": ", ".join(ROLES)}
        raise InputError("documents.role", where=options.where, **values)
    content = turn.get("content")
    said = _joined(turn.get("value") if content is None else content)
    if role == "system" and not _optional(said, field, options):
        return None
    read = _answer if role == "assistant" else _text
    return Message(role=role, content=read(said, field, options))


def _joined(content: Any) -> Any:
    """Content given in parts, where all of them are text; anything else as it is."""
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    ):
        return "".join(str(part.get("text", "")) for part in content)
    return content


def _chat(turns: list[Message], row: Row, options: Options) -> list[Message]:
    """The turns with a system turn before them where they have none, and an answer at the end."""
    _ended(turns, options)
    if not any(turn.role == "user" for turn in turns):
        raise InputError("documents.no_question", where=options.where)
    own = any(turn.role == "system" for turn in turns)
    return turns if own else [*_system(row, options), *turns]


def _ended(turns: list[Message], options: Options) -> None:
    if not turns or turns[-1].role != "assistant":
        last = turns[-1].role if turns else "-"
        raise InputError("documents.no_answer_turn", where=options.where, role=last)


def _system(row: Row, options: Options) -> list[Message]:
    own = _optional(row.get("system"), "system", options) or options.system
    return [Message(role="system", content=own)] if own.strip() else []


def _optional(value: Any, column: str, options: Options) -> str:
    """A text that may be missing; empty where it is blank."""
    return "" if value is None or value == "" or value == [] else _checked(value, column, options)


def _text(value: Any, column: str, options: Options) -> str:
    text = _checked("" if value is None else value, column, options)
    if not text:
        raise InputError("documents.empty", where=options.where, column=column)
    return text


def _answer(value: Any, column: str, options: Options) -> str:
    text = _checked("" if value is None else value, column, options)
    if not text:
        raise InputError("documents.empty_answer", where=options.where, column=column)
    return text


def _checked(value: Any, column: str, options: Options) -> str:
    """A text as it is, empty where only spaces are in it; numbers are written out, NaN is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if value == value else ""
    if not isinstance(value, str):
        values = {"column": column, "found": type(value).__name__}
        raise InputError("documents.not_text", where=options.where, **values)
    if _HALF.search(value):
        raise InputError("documents.half", where=options.where, column=column)
    return value if value.strip() else ""

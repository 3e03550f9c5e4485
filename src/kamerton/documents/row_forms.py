"""Row forms of the field, known by their columns, and turned into one chat row.

A new form is one entry of `FORMS`. Texts are kept as they are, spaces too: code begins with them.
Columns that a form does not use are passed over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kamerton.documents.tables import whole_text
from kamerton.formats.chat import ChatRow, Message, Role
from kamerton.formats.errors import InputError
from kamerton.formats.preference import PreferenceRow

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

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """What a conversion needs besides the row."""

    where: str
    """The row's place, for errors."""
    system: str = ""
    """System text of rows that have none of their own."""
    input_as: Literal["user", "system"] = "user"
    """Where Alpaca's `input` and Dolly's `context` go."""


@dataclass(frozen=True)
class RowForm:
    """One form: how its rows are known, and who says what in them."""

    columns: tuple[str, ...]
    """Columns that a row must have to be of this form."""
    turns: Callable[[Row, Options], list[Message]]
    """The turns of a row, the system turn first where there is one."""


def detect(row: Row) -> str | None:
    """The form of a row by its columns, None where it has those of none."""
    return next((name for name, form in FORMS.items() if set(form.columns) <= row.keys()), None)


def form_of(row: Row, where: str, form: str | None = None) -> str:
    """The form of a row: `form` where that is given, else the first that its columns fit.

    InputError at `where`, with the columns found, where they are those of no form or not of `form`.
    """
    forms = FORMS if form is None else {form: FORMS[form]}
    fitting = [name for name, of in forms.items() if set(of.columns) <= row.keys()]
    if not fitting:
        columns = "; ".join(f"{name}: {' + '.join(of.columns)}" for name, of in forms.items())
        raise InputError("documents.no_form", where=where, has=", ".join(row), known=columns)
    return fitting[0]


def to_chat(
    row: Row,
    form: str,
    row_id: str,
    origin: str,
    *,
    system: str = "",
    input_as: Literal["user", "system"] = "user",
    group: str | None = None,
) -> ChatRow:
    """A row as a chat that ends with the assistant.

    A system text of the row's own goes before `system`, which is for rows without one; where both
    are empty there is no system turn. Alpaca's `input` and Dolly's `context` follow the instruction
    in the user turn, or are the system turn with `input_as="system"`. Of a preference row the
    better answer is taken.
    InputError at `origin`: an empty answer or question, an unknown role, a chat without an answer.
    """
    messages = FORMS[form].turns(row, Options(origin, system, input_as))
    return ChatRow(id=row_id, messages=messages, group=group, origin=origin)


def pair(
    row: Row,
    columns: tuple[str, str],
    row_id: str,
    origin: str,
    *,
    system: str = "",
    group: str | None = None,
) -> ChatRow:
    """A chat of two columns, question and answer, whatever they are called."""
    messages = _question_and_answer(*columns)(row, Options(origin, system))
    return ChatRow(id=row_id, messages=messages, group=group, origin=origin)


def to_preference(
    row: Row, row_id: str, origin: str, *, system: str = "", group: str | None = None
) -> PreferenceRow:
    """A row of two answers: texts with a `prompt`, or message lists.

    Lists hold either the whole chat, then both begin alike and differ in the last turn, or the
    answer alone beside a `prompt`. InputError at `origin`: no prompt, an empty answer, two chats
    that differ before their last turn.
    """
    prompt, chosen, rejected = _preference(row, Options(origin, system))
    return PreferenceRow(
        id=row_id, prompt=prompt, chosen=chosen, rejected=rejected, group=group, origin=origin
    )


def _preference(row: Row, options: Options) -> tuple[list[Message], str, str]:
    """The turns before the answer, the better answer, the worse one."""
    chosen = _answers(row["chosen"], "chosen", options)
    rejected = _answers(row["rejected"], "rejected", options)
    before = chosen[:-1]
    if before != rejected[:-1]:
        raise InputError("documents.other_prompts", where=options.where)
    if not before:
        before = _prompt(row.get("prompt"), "prompt", options)
    whole = _chat([*before, chosen[-1]], row, options)
    _check_ends_with_answer([*before, rejected[-1]], options)
    return whole[:-1], whole[-1].content, rejected[-1].content


def _better(row: Row, options: Options) -> list[Message]:
    prompt, chosen, _ = _preference(row, options)
    return [*prompt, Message(role="assistant", content=chosen)]


def _message_list(column: str) -> RowForm:
    """A whole chat in one column."""
    return RowForm(
        (column,), lambda row, options: _chat(_listed(row[column], column, options), row, options)
    )


def _question_and_answer(question: str, answer: str) -> Callable[[Row, Options], list[Message]]:
    """A question column and an answer column; either may hold a list of messages."""

    def turns(row: Row, options: Options) -> list[Message]:
        asked, said = row.get(question), row.get(answer)
        if isinstance(asked, list) or isinstance(said, list):
            before = _prompt(asked, question, options)
            return _chat([*before, *_answers(said, answer, options)], row, options)
        user = Message(role="user", content=_text(asked, question, options))
        assistant = Message(role="assistant", content=_answer(said, answer, options))
        return [*_system(row, options), user, assistant]

    return turns


def _two_columns(question: str, answer: str) -> RowForm:
    return RowForm((question, answer), _question_and_answer(question, answer))


def _instruction(extra_column: str, answer_column: str) -> RowForm:
    """An instruction, what it is about (often empty), and the answer."""

    def turns(row: Row, options: Options) -> list[Message]:
        asked = _text(row["instruction"], "instruction", options)
        extra = _optional(row.get(extra_column), extra_column, options)
        answer = _answer(row[answer_column], answer_column, options)
        if extra and options.input_as == "system":
            system = _optional(row.get("system"), "system", options)
            row = {**row, "system": "\n\n".join(part for part in (system, extra) if part)}
        elif extra:
            asked = f"{asked}\n\n{extra}"
        turns = [Message(role="user", content=asked), Message(role="assistant", content=answer)]
        return [*_system(row, options), *turns]

    return RowForm(("instruction", answer_column), turns)


FORMS: dict[str, RowForm] = {
    "preference": RowForm(("chosen", "rejected"), _better),
    "messages": _message_list("messages"),
    "sharegpt": _message_list("conversations"),
    "alpaca": _instruction("input", "output"),
    "dolly": _instruction("context", "response"),
    "prompt_completion": _two_columns("prompt", "completion"),
    "prompt_response": _two_columns("prompt", "response"),
    "question_answer": _two_columns("question", "answer"),
    "article_abstract": _two_columns("article", "abstract"),
    "input_output": _two_columns("input", "output"),
}
"""Every form by its name; the first whose columns a row has is taken."""


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
        values = {"column": column, "found": type(value).__name__}
        raise InputError("documents.no_turns", where=options.where, **values)
    turns = [_turn(turn, f"{column}[{number}]", options) for number, turn in enumerate(value)]
    return [turn for turn in turns if turn is not None]


def _turn(turn: dict[str, Any], field: str, options: Options) -> Message | None:
    """One message of OpenAI's or ShareGPT's form; None for a system turn that says nothing."""
    name = str(turn.get("role") or turn.get("from") or "")
    role = ROLES.get(name.lower())
    if role is None:
        values = {"field": field, "role": name, "known": ", ".join(ROLES)}
        raise InputError("documents.role", where=options.where, **values)
    content = turn.get("content")
    content = turn.get("value") if content is None else content
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    ):
        content = "".join(str(part.get("text", "")) for part in content)
    if role == "system" and not _optional(content, field, options):
        return None
    read = _answer if role == "assistant" else _text
    return Message(role=role, content=read(content, field, options))


def _chat(turns: list[Message], row: Row, options: Options) -> list[Message]:
    """The turns with a system turn before them where they have none, and an answer at the end."""
    _check_ends_with_answer(turns, options)
    roles = {turn.role for turn in turns}
    if "user" not in roles:
        raise InputError("documents.no_question", where=options.where)
    return turns if "system" in roles else [*_system(row, options), *turns]


def _check_ends_with_answer(turns: list[Message], options: Options) -> None:
    if not turns or turns[-1].role != "assistant":
        last = turns[-1].role if turns else "-"
        raise InputError("documents.no_answer_turn", where=options.where, role=last)


def _system(row: Row, options: Options) -> list[Message]:
    text = _optional(row.get("system"), "system", options) or options.system
    return [Message(role="system", content=text)] if text.strip() else []


def _optional(value: Any, column: str, options: Options) -> str:
    """A text that may be missing; empty where it is blank."""
    return "" if value is None or value == "" or value == [] else _checked(value, column, options)


def _text(value: Any, column: str, options: Options, empty: str = "documents.empty") -> str:
    text = _checked("" if value is None else value, column, options)
    if not text:
        raise InputError(empty, where=options.where, column=column)
    return text


def _answer(value: Any, column: str, options: Options) -> str:
    return _text(value, column, options, "documents.empty_answer")


def _checked(value: Any, column: str, options: Options) -> str:
    """A text as it is, empty where only spaces are in it; numbers are written out, NaN is none."""
    text = whole_text(value, column, options.where)
    return text if text.strip() else ""

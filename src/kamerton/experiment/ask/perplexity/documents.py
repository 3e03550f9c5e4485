"""Texts to be scored: a column of a table, a .txt file, or a folder of them."""

from dataclasses import dataclass
from pathlib import Path

from kamerton.experiment.tasks.answers import IDS
from kamerton.experiment.tasks.tables import column, keyed_texts, no_column, read_table, texts
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text

_TEXTS = ("text", "document", "content")
TXT = ".txt"


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a user's own table; empty: the usual names are looked for."""

    id: str = ""
    text: str = ""
    group: str = ""


@dataclass(frozen=True)
class Document:
    """One text; the unit of the intervals, where no group is said."""

    id: str
    text: str
    group: str
    where: str
    """File and line, for complaints."""


def read_documents(path: Path, columns: Columns) -> list[Document]:
    """The texts of a table's column (a row each), of a .txt file, or of all .txt of a folder.

    InputError names file, line and column: nothing there, an empty text, an id that stands twice.
    """
    if path.is_dir():
        files = sorted(path.glob(f"*{TXT}"))
        if not files:
            raise InputError("experiment.texts_no_files", where=str(path))
        return [_file(one) for one in files]
    return [_file(path)] if path.suffix.lower() == TXT else _rows(path, columns)


def _file(path: Path) -> Document:
    return Document(path.name, read_text(path), path.name, str(path))


def _rows(path: Path, columns: Columns) -> list[Document]:
    lines = read_table(path)
    if not lines:
        raise InputError("experiment.texts_no_rows", where=str(path))
    name = column(lines, columns.text, _TEXTS, "--text-column", path)
    if name is None:
        raise no_column(lines, "text", "--text-column", path)
    id = column(lines, columns.id, IDS, "--id-column", path)
    group = column(lines, columns.group, ("group",), "--group-column", path)
    found: list[Document] = []
    for key, text, line in keyed_texts(lines, name, id):
        unit = texts(line, group)[0].strip() if group in line.cells and group else key
        found.append(Document(key, text, unit or key, line.where))
    return found

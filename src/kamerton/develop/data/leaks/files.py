"""Rows to check out of files: of any known form, and of public benchmarks in their own columns."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kamerton.documents.row_forms import form_of, pair, to_chat
from kamerton.documents.tables import READERS, kind, read_table
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError

Row = Mapping[str, Any]
_IDS = ("id", "task_id")


BENCHMARKS: dict[str, tuple[tuple[str, str], ...]] = {
    "humaneval": (("prompt", "canonical_solution"),),
    "gsm8k": (("question", "answer"),),
    "mbpp": (("prompt", "canonical_solution"), ("prompt", "code"), ("text", "code")),
}
"""Columns of prompt and answer, the first pair that a row has, by the name of the folder.

They fit HumanEval and HumanEval+, GSM8K, and MBPP whole, sanitized and in HumanEval's columns.
"""


def read(path: Path) -> list[ChatRow]:
    """All rows of a JSON, JSONL, CSV or Parquet file, each in any known form.

    A row is called by its own id where it has one that no other has, else by file and line. Of a
    preference row the better answer is taken.
    InputError: a file that is missing, empty or broken, a row of no known form.
    """
    placed = list(read_table(path))
    counts = Counter(_row_id(row) for _, row in placed)
    rows = []
    for where, row in placed:
        name = _row_id(row) if _row_id(row) and counts[_row_id(row)] == 1 else Path(where).name
        group = "" if row.get("group") is None else str(row["group"]).strip()
        rows.append(to_chat(row, form_of(row, where), name, where, group=group or None))
    return rows


def _row_id(row: Row) -> str:
    """The id that a row gives itself; empty without one."""
    values = (row.get(name) for name in _IDS)
    return next((str(v) for v in values if isinstance(v, str | int) and str(v).strip()), "")


def benchmarks(folder: Path) -> dict[str, list[ChatRow]]:
    """The benchmarks that lie in `folder`, each in a folder of its name.

    InputError where there is none of them.
    """
    there = [name for name in BENCHMARKS if (folder / name).is_dir()]
    if not there:
        known = ", ".join(BENCHMARKS)
        raise InputError("develop.leaks_no_benchmarks", where=str(folder), known=known)
    return {name: benchmark(name, folder / name) for name in there}


def benchmark(name: str, place: Path) -> list[ChatRow]:
    """The test rows of one benchmark out of its file or folder, ids beginning with its name.

    Of a folder whose files name their parts, only those with `test` in their names are read: GSM8K
    has a training part, which one may train on. Rows that say the same stand there once.
    InputError: an unknown name, no table, columns of another set.
    """
    if name not in BENCHMARKS:
        values = {"name": name, "known": ", ".join(BENCHMARKS)}
        raise InputError("develop.leaks_unknown_benchmark", where=str(place), **values)
    different: dict[tuple[str, str], ChatRow] = {}
    for where, row in _tables(place):
        task = _task(name, row, where)
        different.setdefault((task.prompt, task.answer), task)
    return list(different.values())


def _tables(place: Path) -> Iterator[tuple[str, Row]]:
    if not place.is_dir():
        yield from read_table(place)
        return
    tables = sorted(path for path in place.rglob("*") if path.is_file() and kind(path) in READERS)
    if not tables:
        known = " ".join(READERS)
        raise InputError("develop.leaks_no_tables", where=str(place), known=known)
    parts = [path for path in tables if "test" in re.split("[^a-z]+", path.name.lower())]
    for path in parts or tables:
        yield from read_table(path)


def _task(name: str, row: Row, where: str) -> ChatRow:
    pairs = BENCHMARKS[name]
    columns = next((columns for columns in pairs if set(columns) <= row.keys()), None)
    if columns is None:
        wanted = "; ".join(" + ".join(columns) for columns in pairs)
        values = {"name": name, "has": ", ".join(row), "known": wanted}
        raise InputError("develop.leaks_columns", where=where, **values)
    return pair(row, columns, f"{name}:{_row_id(row) or Path(where).name}", where)

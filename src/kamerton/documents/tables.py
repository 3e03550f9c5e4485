"""Rows of tables, one by one and with their places: CSV, JSON, JSONL, Parquet.

CSV, JSON and JSONL may be packed with gzip (`.gz`). No more than one line is in memory at once;
of JSON the whole file is, and of Parquet one batch.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kamerton.documents import delimited, lines
from kamerton.formats.errors import InputError

JSON_LIMIT = 1024**3
"""Most bytes of a JSON file, which is read whole."""
_BATCH = 256

Row = dict[str, Any]


def read_table(path: Path) -> Iterator[tuple[str, Row]]:
    """Each row with its place: `file:line` in CSV and JSONL, `file#row` (from 1) elsewhere.

    Blank lines are passed over. InputError: a file that is missing, empty, broken or of another
    kind, a line over `lines.LINE_LIMIT`, a row that is no object or lacks cells.
    """
    if not path.is_file():
        raise InputError("documents.missing", where=str(path))
    reader = READERS.get(kind(path))
    if reader is None:
        raise InputError("documents.no_table", where=str(path), known=" ".join(READERS))
    empty = True
    try:
        for placed in reader(path):
            empty = False
            yield placed
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("documents.unreadable", where=str(path), why=str(error)) from error
    if empty:
        raise InputError("documents.no_rows", where=str(path))


def kind(path: Path) -> str:
    """The suffix that says what a table is, in lower case and without `.gz`; empty without one."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes = [suffix for suffix in suffixes[:-1] if suffix != ".parquet"]
    return suffixes[-1] if suffixes else ""


def _jsonl(path: Path) -> Iterator[tuple[str, Row]]:
    with lines.opened(path) as stream:
        for number, line in lines.numbered(stream, path):
            where = f"{path}:{number}"
            text = lines.decoded(line, "utf-8-sig" if number == 1 else "utf-8", where)
            if text.strip():
                yield where, _object(_parsed(text, where), where)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = getattr(error, "msg", None) or str(error)
        raise InputError("documents.not_json", where=where, why=why) from error


def _object(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise InputError("documents.not_object", where=where, found=type(value).__name__)
    return value


def _json(path: Path) -> Iterator[tuple[str, Row]]:
    text = _whole(path)
    try:
        rows = _rows(json.loads(text), path)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON lines are often called .json
            yield from _jsonl(path)
            return
        where = f"{path}:{error.lineno}"
        raise InputError("documents.not_json", where=where, why=error.msg) from error
    except (ValueError, RecursionError) as error:
        raise InputError("documents.not_json", where=str(path), why=str(error)) from error
    for number, row in enumerate(rows, start=1):
        yield f"{path}#{number}", _object(row, f"{path}#{number}")


def _whole(path: Path) -> str:
    data, size = b"", path.stat().st_size
    if size <= JSON_LIMIT:
        with lines.opened(path) as stream:
            data = stream.read(JSON_LIMIT + 1)  # unpacked it may still be larger
    if max(size, len(data)) > JSON_LIMIT:
        raise InputError("documents.big_json", where=str(path), limit=JSON_LIMIT)
    return lines.decoded(data, "utf-8-sig", str(path))


def _rows(value: Any, path: Path) -> list[Any]:
    """The list itself, or the one list of objects that an object holds."""
    if isinstance(value, list):
        return value
    found = list(value.values()) if isinstance(value, dict) else []
    tables = [item for item in found if isinstance(item, list) and _any_object(item)]
    if len(tables) != 1:
        raise InputError("documents.no_list", where=str(path), count=len(tables))
    return tables[0]


def _any_object(items: list[Any]) -> bool:
    return any(isinstance(item, dict) for item in items)


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow  # type: ignore[import-untyped, unused-ignore]
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}#{number}", row
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        where = f"{path}#{number + 1}" if number else str(path)
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError("documents.bad_parquet", where=where, why=why) from error


READERS: dict[str, Callable[[Path], Iterator[tuple[str, Row]]]] = {
    ".csv": delimited.rows,
    ".tsv": delimited.rows,
    ".json": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
"""What reads which suffix."""

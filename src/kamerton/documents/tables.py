"""Rows of tables, one by one and with their places: CSV, JSON, JSONL, Parquet, XLSX.

CSV, JSON and JSONL may be packed with gzip (`.gz`). No more than one line is in memory at once;
of JSON the whole file is, and of Parquet one batch. Separator and charset of a CSV are told by its
first lines.
"""

import codecs
import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from kamerton.documents import office
from kamerton.documents.charset import decode
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import objects, parse_json

LINE_LIMIT = 64 * 1024**2
"""Most bytes of one line, and most characters of one cell of a CSV."""
JSON_LIMIT = 1024**3
"""Most bytes of a JSON file, which is read whole."""
SEPARATORS = ",;\t"
STDIN = "-"
"""The name of standard input."""
_HEAD = 64
_BATCH = 256
_PROBE = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can write it as \\ud83d, UTF-8 cannot."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"?')

Row = dict[str, Any]
Placed = tuple[str, Row]
"""A row after its place."""


def read_table(path: Path, any_name: bool = False) -> Iterator[Placed]:
    """Each row with its place: `file:line` in CSV and JSONL, `file#row` (from 1) elsewhere.

    Blank lines are passed over. `-` is standard input. Of a pipe, and with `any_name` of a file of
    no known suffix, the first letter tells what it is. InputError: a file that is missing, empty,
    broken or of another kind, a line over `LINE_LIMIT`, a row that is no object or lacks cells.
    """
    if str(path) == STDIN or (path.exists() and not path.is_file() and not path.is_dir()):
        yield from _piped(path)
        return
    if not path.is_file():
        raise InputError("documents.missing", where=str(path))
    reader = READERS.get(kind(path))
    if reader is None and any_name:
        with path.open("rb") as stream:
            reader = READERS[_kind_of(stream.read(_HEAD))]
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


def text_of(value: Any) -> str | None:
    """A cell as a text: numbers written out, nothing (null, NaN) as empty; None for all else."""
    if value is None or value != value:
        return ""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if isinstance(value, str) or number else None


def whole_text(value: Any, column: str, where: str) -> str:
    """The same of a cell that must be a text; InputError where it is none, or has half a letter."""
    text = text_of(value)
    if text is None:
        values = {"column": column, "found": type(value).__name__}
        raise InputError("documents.not_text", where=where, **values)
    if _HALF.search(text):
        raise InputError("documents.half", where=where, column=column)
    return text


def _piped(path: Path) -> Iterator[Placed]:
    """The rows of standard input or of another pipe, kept in a file while they are read."""
    data = sys.stdin.buffer.read() if str(path) == STDIN else path.read_bytes()
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"table{_kind_of(data[:_HEAD])}"
        file.write_bytes(data)
        try:
            for where, row in read_table(file):
                yield where.replace(str(file), str(path)), row
        except InputError as error:
            error.where = error.where.replace(str(file), str(path))
            raise


def _kind_of(head: bytes) -> str:
    """The suffix of a table that begins so: by its first letter or mark, else CSV."""
    marks = {b"{": ".jsonl", b"[": ".json", b"PAR1": ".parquet", b"PK\3\4": ".xlsx"}
    first = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return next((kind for mark, kind in marks.items() if first.startswith(mark)), ".csv")


def kind(path: Path) -> str:
    """The suffix that says what a table is, in lower case and without `.gz`; empty without one."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes = [suffix for suffix in suffixes[:-1] if suffix != ".parquet"]
    return suffixes[-1] if suffixes else ""


def read_csv(path: Path) -> Iterator[Placed]:
    """Each record as column to text, with the line that it begins at; blank ones are passed over.

    Columns without a name, as spreadsheets and pandas write them, are left out. Lines may end as
    on any system. InputError: a header without names or with equal ones, quotes that do not close,
    a record with another number of cells than the header.
    """
    csv.field_size_limit(LINE_LIMIT)  # the library's own, 128 KiB, is less than an article
    with _opened(path) as stream:
        text = _csv_lines(stream, path)
        first = next(text, "")
        # The one that the header has most of, outside of quotes; a comma where it has none.
        separator = max(SEPARATORS, key=_QUOTED.sub("", first).count)
        records = _records(csv.reader(chain([first], text), delimiter=separator, strict=True), path)
        where, cells = next(records, ("", []))
        header = [name.strip() for name in cells]
        names = list(filter(None, header))
        if (header and not names) or len(set(names)) != len(names):
            raise InputError("documents.bad_header", where=where, has=", ".join(header))
        for where, cells in records:
            if len(cells) != len(header):
                values = {"has": len(cells), "wanted": len(header)}
                raise InputError("documents.ragged", where=where, **values)
            row = dict(zip(header, cells, strict=True))
            yield where, {name: row[name] for name in names}


def _csv_lines(stream: IO[bytes], path: Path) -> Iterator[str]:
    """Lines in the charset that the beginning of the file tells."""
    probe = stream.read(_PROBE)
    stream.seek(0)
    if probe.startswith(_UTF16):
        yield from _utf16_lines(stream, path)
        return
    whole = len(probe) < _PROBE or b"\n" not in probe
    charset = decode(probe if whole else probe[: probe.rindex(b"\n")], str(path))[1]
    for number, line in _numbered(stream, path):
        marked = number == 1 and charset == "utf-8"
        yield _decoded(line, "utf-8-sig" if marked else charset, f"{path}:{number}")


def _records(reader: Any, path: Path) -> Iterator[tuple[str, list[str]]]:
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError("documents.bad_csv", where=where, why=str(error)) from error
        if cells is None:
            return
        if any(cells) or len(cells) == 1:
            yield where, cells


def _opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in `.gz`."""
    packed = path.suffix.lower() == ".gz"
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _numbered(stream: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers (from 1) and bytes of the lines, their ends on; InputError for one too long.

    No more than `LINE_LIMIT` is read of a line. UTF-16 goes another way: no single byte parts its
    lines.
    """
    number = 0
    while line := stream.readline(LINE_LIMIT + 1):
        _check_length(len(line), path, number + 1)
        for part in line.splitlines(keepends=True):  # of bytes: at \n and \r alone
            number += 1
            yield number, part


def _utf16_lines(stream: IO[bytes], path: Path) -> Iterator[str]:
    text, number = io.TextIOWrapper(stream, "utf-16", newline=""), 0
    try:
        while line := text.readline(LINE_LIMIT + 1):
            number += 1
            _check_length(len(line), path, number)
            yield line
    except UnicodeDecodeError as error:
        raise _damaged(error, "utf-16", f"{path}:{number + 1}") from error


def _check_length(length: int, path: Path, number: int) -> None:
    if length > LINE_LIMIT:
        raise InputError("documents.long_line", where=f"{path}:{number}", limit=LINE_LIMIT)


def _decoded(line: bytes, charset: str, where: str) -> str:
    try:
        return line.decode(charset)
    except UnicodeDecodeError as error:
        raise _damaged(error, charset, where) from error


def _damaged(error: UnicodeDecodeError, charset: str, where: str) -> InputError:
    return InputError("documents.damaged", where=where, charset=charset, byte=error.start)


def _jsonl(path: Path) -> Iterator[Placed]:
    with _opened(path) as stream:
        lines = (
            _decoded(line, "utf-8-sig" if number == 1 else "utf-8", f"{path}:{number}")
            for number, line in _numbered(stream, path)
        )
        for number, row in objects(lines, str(path)):
            yield f"{path}:{number}", row


def _json(path: Path) -> Iterator[Placed]:
    data, size = b"", path.stat().st_size
    if size <= JSON_LIMIT:
        with _opened(path) as stream:
            data = stream.read(JSON_LIMIT + 1)  # unpacked it may still be larger
    if max(size, len(data)) > JSON_LIMIT:
        raise InputError("documents.big_json", where=str(path), limit=JSON_LIMIT)
    text = _decoded(data, "utf-8-sig", str(path))
    try:
        rows = _json_rows(parse_json(text), path)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON lines are often called .json
            yield from _jsonl(path)
            return
        where = f"{path}:{error.lineno}"
        raise InputError("documents.not_json", where=where, why=error.msg) from error
    except (ValueError, RecursionError) as error:
        raise InputError("documents.not_json", where=str(path), why=str(error)) from error
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InputError("formats.not_object", where=f"{path}#{number}")
        yield f"{path}#{number}", row


def _json_rows(value: Any, path: Path) -> list[Any]:
    """The list itself, or the one list of objects that an object holds."""
    if isinstance(value, list):
        return value
    lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else []
    tables = [items for items in lists if any(isinstance(item, dict) for item in items)]
    if len(tables) != 1:
        raise InputError("documents.no_list", where=str(path), count=len(tables))
    return tables[0]


def _parquet(path: Path) -> Iterator[Placed]:
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


READERS: dict[str, Callable[[Path], Iterator[Placed]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
    ".xlsx": lambda path: office.xlsx_records(path.read_bytes(), str(path)),
}
"""What reads which suffix."""

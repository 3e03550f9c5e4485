"""Rows of CSV and TSV files: separator and charset are told by their first lines."""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from kamerton.documents import lines
from kamerton.documents.charset import decode
from kamerton.formats.errors import InputError

SEPARATORS = ",;\t"
_PROBE = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_QUOTED = re.compile(r'"(?:[^"]|"")*"?')


def rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record as column to text, with the line that it begins at; blank lines are passed over.

    InputError: a header with empty or repeated names, quotes that do not close, a record with
    another number of cells than the header.
    """
    csv.field_size_limit(lines.LINE_LIMIT)  # the library's own, 128 KiB, is less than an article
    with lines.opened(path) as stream:
        text = _text(stream, path)
        first = next(text, "")
        reader = csv.reader(chain([first], text), delimiter=_separator(first), strict=True)
        records = _records(reader, path)
        header = _header(records)
        for where, cells in records:
            if len(cells) != len(header):
                values = {"has": len(cells), "wanted": len(header)}
                raise InputError("documents.ragged", where=where, **values)
            yield where, dict(zip(header, cells, strict=True))


def _text(stream: IO[bytes], path: Path) -> Iterator[str]:
    """Lines in the charset that the beginning of the file tells."""
    probe = stream.read(_PROBE)
    stream.seek(0)
    if probe.startswith(_UTF16):
        yield from (line for _, line in lines.numbered_utf16(stream, path))
        return
    whole = len(probe) < _PROBE or b"\n" not in probe
    charset = decode(probe if whole else probe[: probe.rindex(b"\n")], str(path))[1]
    for number, line in lines.numbered(stream, path):
        marked = number == 1 and charset == "utf-8"
        yield lines.decoded(line, "utf-8-sig" if marked else charset, f"{path}:{number}")


def _separator(header: str) -> str:
    """The one that the header has most of, outside of quotes; a comma where it has none."""
    return max(SEPARATORS, key=_QUOTED.sub("", header).count)


def _records(reader: Any, path: Path) -> Iterator[tuple[str, list[str]]]:
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError("documents.bad_csv", where=where, why=str(error)) from error
        if cells is None:
            return
        if cells:
            yield where, cells


def _header(records: Iterator[tuple[str, list[str]]]) -> list[str]:
    where, cells = next(records, ("", []))
    names = [name.strip() for name in cells]
    if not all(names) or len(set(names)) != len(names):
        raise InputError("documents.bad_header", where=where, has=", ".join(names))
    return names

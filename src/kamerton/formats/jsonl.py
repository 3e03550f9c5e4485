"""Rows on disk, one JSON object a line, checked on reading and written atomically."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from pydantic import BaseModel, ValidationError

from kamerton.formats.errors import InputError

Row = TypeVar("Row", bound=BaseModel)


def read_text(path: Path) -> str:
    """The UTF-8 text of a file; InputError names the byte where it is not UTF-8."""
    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("formats.not_utf8", where=str(path), byte=error.start) from error
    if not text.strip():
        raise InputError("formats.file_empty", where=str(path))
    return text


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Line numbers (from 1) and objects of a JSONL file; blank lines are passed over."""
    # Not splitlines: JSON may hold U+2028 and its like, which end no line of JSONL.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError("formats.not_json", where=f"{path}:{number}", why=error.msg) from error
        if not isinstance(row, dict):
            raise InputError("formats.not_object", where=f"{path}:{number}")
        yield number, row


def read_rows(path: Path, model: type[Row]) -> list[Row]:
    """All rows of a JSONL file as `model`; InputError names file, line and field."""
    return [check_row(row, model, f"{path}:{number}") for number, row in read_objects(path)]


def check_row(row: dict[str, object], model: type[Row], where: str) -> Row:
    """One row as `model`, or InputError at `where` with the first field that is wrong."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError("formats.bad_field", where=where, field=field, why=first["msg"]) from error


def write_rows(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write rows as JSONL, whole or not at all; one row at a time is in memory."""
    with _replacing(path) as stream:
        stream.writelines(row.model_dump_json(exclude_none=True) + "\n" for row in rows)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all (temporary file beside it, then rename)."""
    with _replacing(path) as stream:
        stream.write(text)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

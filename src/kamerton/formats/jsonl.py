"""Rows on disk, one JSON object a line, checked on reading and written atomically."""

import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from kamerton.formats.errors import InputError
from kamerton.formats.language import say

Row = TypeVar("Row", bound=BaseModel)
_SHOWN = 80


class Record(BaseModel):
    """What lies on disk: unknown fields fail, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    yield from objects(io.StringIO(read_text(path), newline=None), str(path))


def objects(lines: Iterable[str], where: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Line numbers (from 1) and objects of lines of JSONL; `where` is their file."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        here = f"{where}:{number}"
        try:
            row = parse_json(line)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", None) or str(error)
            raise InputError("formats.not_json", where=here, why=why) from error
        if not isinstance(row, dict):
            raise InputError("formats.not_object", where=here)
        yield number, row


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError for none, and for two values of one name.

    Of two values the library would keep the last one, unseen.
    """
    return json.loads(text, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(say("formats.name_twice", name=twice))
    return row


def read_rows(path: Path, model: type[Row]) -> list[Row]:
    """All rows of a JSONL file as `model`; InputError names file, line and field."""
    return [check_row(row, model, f"{path}:{number}") for number, row in read_objects(path)]


def check_row(row: dict[str, object], model: type[Row], where: str) -> Row:
    """One row as `model`, or InputError at `where` with the first field that is wrong."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field, value = ".".join(str(part) for part in first["loc"]), first["input"]
        values = {"field": field, "why": first["msg"]}
        if isinstance(value, str | int | float):
            text = repr(value)[:_SHOWN]
            raise InputError("formats.wrong_value", where=where, value=text, **values) from error
        raise InputError("formats.bad_field", where=where, **values) from error


def insist_unique(ids: Iterable[Hashable], where: str) -> None:
    """Raise InputError where an id stands twice: whoever joins by it would lose a row unseen.

    An id may be a tuple, such as model and question; `where` is the file or folder of the rows.
    """
    counts = Counter(ids)
    if twice := [one for one, count in counts.items() if count > 1]:
        first = twice[0]
        shown = ", ".join(map(str, first)) if isinstance(first, tuple) else str(first)
        raise InputError("formats.id_twice", where=where, id=shown, count=len(twice))


def read_model(path: Path, model: type[Row]) -> Row:
    """A JSON file that Kamerton wrote; InputError names the field that this version does not know.

    For files of runs, which may be older than the code that reads them.
    """
    try:
        return model.model_validate_json(read_text(path))
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "-"
        raise InputError("formats.other_version", where=str(path), field=field) from error


def write_rows(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write rows as JSONL, whole or not at all; one row at a time is in memory."""
    with _replacing(path) as stream:
        stream.writelines(_line(row, exclude_none=True) + "\n" for row in rows)


def _line(row: BaseModel, exclude_none: bool = False) -> str:
    """A row as JSON; half of a character, which UTF-8 cannot hold, as an escape."""
    try:
        return row.model_dump_json(exclude_none=exclude_none)
    except PydanticSerializationError:
        return json.dumps(row.model_dump(mode="json", exclude_none=exclude_none))


def append_row(path: Path, row: BaseModel) -> None:
    """Add a row to a file that grows; it is there when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(_line(row).encode() + b"\n")
        stream.flush()


def restored(path: Path, model: type[Row], complaint: str) -> list[Row]:
    """All rows of a file that grows; a last line that a kill cut short is taken out of it.

    InputError with the key `complaint` for a line before it that is no row: that was not a kill.
    """
    if not path.is_file():
        return []
    # Not splitlines(): a text may contain separators that only Unicode knows; and the cut may
    # have gone through the middle of a letter.
    *whole, last = path.read_bytes().split(b"\n")
    lines = [(f"{path}:{n}", line) for n, line in enumerate(whole, 1) if line.strip()]
    rows = [_restored(line, model, where, complaint) for where, line in lines]
    if last.strip():
        rows += _half_written(last, model)
        write_rows(path, rows)
    return rows


def _restored(line: bytes, model: type[Row], where: str, complaint: str) -> Row:
    try:
        # Only Python's own parser takes the escape that `_line` writes.
        whole = b"\\ud" not in line
        return model.model_validate_json(line) if whole else model.model_validate(json.loads(line))
    except (ValidationError, json.JSONDecodeError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.msg
        raise InputError(complaint, where=where, why=why) from error


def _half_written(line: bytes, model: type[Row]) -> list[Row]:
    """A last line without its end: whole after all, or to be asked again."""
    try:
        return [model.model_validate_json(line)]
    except ValidationError:
        return []


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all (temporary file beside it, then rename)."""
    with _replacing(path) as stream:
        stream.write(text)


def insist_file(path: Path) -> None:
    """InputError where no file can be written: a folder, or in what is none or is not ours."""
    if path.is_dir():
        raise InputError("formats.out_is_folder", where=str(path))
    above = next(place for place in path.absolute().parents if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError("formats.out_no_folder", where=str(path), folder=str(above))


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    insist_file(path)
    if path.exists() and (not path.is_file() or path.parent == Path("/dev")):
        with path.open("a", encoding="utf-8") as stream:  # a pipe or /dev/stdout: not replaced
            yield stream
        return
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

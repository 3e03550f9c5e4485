"""Raters' files back: CSV of the sheet or of the page, as spreadsheets save it, checked by line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kamerton.experiment.rating.sheet import HEAD, Key
from kamerton.experiment.settings import Criterion
from kamerton.formats.errors import InputError

Said = Literal["left", "right", "tie", "skip"]
_SPELLED: dict[str, Said] = {
    **dict.fromkeys(("left", "l", "1", "левый", "слева", "л"), "left"),
    **dict.fromkeys(("tie", "t", "=", "2", "equal", "поровну", "ничья"), "tie"),
    **dict.fromkeys(("right", "r", "3", "правый", "справа", "п"), "right"),
    **dict.fromkeys(("", "skip", "0", "-", "cannot say", "не могу сказать"), "skip"),
}
"""What people write into the cells; an empty one is no rating."""


@dataclass(frozen=True)
class Rating:
    """What one rater said of one item by one criterion, still blind."""

    rater: str
    item: str
    criterion: Criterion
    said: Said


def read_ratings(paths: Sequence[Path], key: Key) -> list[Rating]:
    """All ratings of several files; a rater is named in the column `rater`, else by the file.

    Commas, semicolons and tabs are taken, UTF-8 and the code page in which Russian spreadsheets
    save. InputError, with file and line, for items of another sheet, a choice that is none, an
    item rated twice, and a rater in two files.
    """
    if not paths:
        raise InputError("experiment.rating_no_files")
    found: list[Rating] = []
    for path in paths:
        ratings = list(_read(path, key))
        known = {one.rater for one in found}
        if again := sorted({one.rater for one in ratings} & known):
            raise InputError("experiment.rating_rater_twice", where=str(path), rater=again[0])
        found += ratings
    return found


def _read(path: Path, key: Key) -> Iterator[Rating]:
    text = _decoded(path)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [name.strip() for name in rows.fieldnames or []]
    rows.fieldnames = columns
    for column in (*HEAD[:2], *key.criteria):
        if column not in columns:
            raise InputError("experiment.rating_wrong_column", where=f"{path}:1", column=column)
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        if any(isinstance(value, str) and value.strip() for value in row.values()):
            yield from _row(row, f"{path}:{rows.line_num}", path.stem, key, seen)


def _row(
    row: dict[str, str], where: str, stem: str, key: Key, seen: set[tuple[str, str, str]]
) -> Iterator[Rating]:
    sheet, item = (row["sheet"] or "").strip(), (row["item"] or "").strip()
    if sheet != key.sheet:
        raise InputError(
            "experiment.rating_other_sheet", where=where, sheet=sheet, wanted=key.sheet
        )
    if item not in key.items:
        raise InputError("experiment.rating_unknown_item", where=where, item=item)
    rater = (row.get("rater") or "").strip() or stem
    for criterion in key.criteria:
        said = _said(row[criterion], where, criterion)
        if (rater, item, criterion) in seen:
            raise InputError("experiment.rating_twice", where=where, item=item)
        seen.add((rater, item, criterion))
        yield Rating(rater, item, criterion, said)


def _said(value: str | None, where: str, column: str) -> Said:
    plain = (value or "").strip().casefold()
    if plain not in _SPELLED:
        raise InputError("experiment.rating_bad_choice", where=where, column=column, value=value)
    return _SPELLED[plain]


def _decoded(path: Path) -> str:
    """The text of a CSV file: UTF-8, UTF-16 with its mark, or Windows-1251."""
    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    raw = path.read_bytes()
    codec = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    for name in (codec, "cp1251"):
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    raise InputError("experiment.rating_not_csv", where=str(path))

"""Raters' files back: CSV of the sheet or of the page, as spreadsheets save it, checked by line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kamerton.documents.tables import read_csv
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.rating.sheet import HEAD, Key
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
    criterion: Judgeable
    said: Said


def read_ratings(paths: Sequence[Path], key: Key) -> list[Rating]:
    """All ratings of several files; a rater is named in the column `rater`, else by the file.

    Commas, semicolons and tabs are taken, UTF-8 and the code page in which Russian spreadsheets
    save. InputError, with file and line, for items of another sheet, a choice that is none, an
    item rated twice, and a rater in two files.
    """
    if not paths:
        raise InputError("experiment.rating_no_files")
    ratings: list[Rating] = []
    for path in paths:
        of_file = list(_read(path, key))
        raters = {one.rater for one in ratings}
        if again := sorted({one.rater for one in of_file} & raters):
            raise InputError("experiment.rating_rater_twice", where=str(path), rater=again[0])
        ratings += of_file
    return ratings


def _read(path: Path, key: Key) -> Iterator[Rating]:
    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    seen: set[tuple[str, str, str]] = set()
    for where, row in read_csv(path):
        for column in (*HEAD[:2], *key.criteria):
            if column not in row:
                where = f"{path}:1"
                raise InputError("experiment.rating_wrong_column", where=where, column=column)
        yield from _row(row, where, path.stem, key, seen)


def _row(
    row: dict[str, str], where: str, stem: str, key: Key, seen: set[tuple[str, str, str]]
) -> Iterator[Rating]:
    sheet, item = row["sheet"].strip(), row["item"].strip()
    if sheet != key.sheet:
        raise InputError(
            "experiment.rating_other_sheet", where=where, sheet=sheet, wanted=key.sheet
        )
    if item not in key.items:
        raise InputError("experiment.rating_unknown_item", where=where, item=item)
    rater = row.get("rater", "").strip() or stem
    for criterion in key.criteria:
        written = row[criterion]
        said = _SPELLED.get(written.strip().casefold())
        if said is None:
            values = {"column": criterion, "value": written}
            raise InputError("experiment.rating_bad_choice", where=where, **values)
        if (rater, item, criterion) in seen:
            raise InputError("experiment.rating_twice", where=where, item=item)
        seen.add((rater, item, criterion))
        yield Rating(rater, item, criterion, said)

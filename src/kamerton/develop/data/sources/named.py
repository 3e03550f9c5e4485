"""Sets of the field by name, with their parts and columns: out of a local copy, or off the hub."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.data.sources import arena, hub, sample
from kamerton.documents.tables import READERS, kind, read_table
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

Row = dict[str, Any]
Placed = tuple[str, Row]
ALL_PARTS = ("train", "validation", "test")
SAMPLE = {"train": 100_000, "validation": 5_000, "test": 5_000}
"""Rows drawn of a set too large to be used whole."""
_CALLED = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev"},
    "test": {"test", "testing"},
}


@dataclass(frozen=True)
class Named:
    """What is known of a set."""

    parts: tuple[str, ...]
    """Its splits on the hub."""
    columns: tuple[str, ...]
    """Columns that every row must have."""
    config: str | None = None
    """Its configuration on the hub, where it has several."""
    pair: tuple[str, str] | None = None
    """Question and answer, for `forms.pair`; None: `forms.detect` knows its rows."""
    sampled: bool = False
    """Whether all three parts are drawn out of its only one."""


NAMED: dict[str, Named] = {
    "ccdv/arxiv-summarization": Named(ALL_PARTS, ("article", "abstract"), "document"),
    "nvidia/OpenCodeInstruct": Named(("train",), ("input", "output"), sampled=True),
    "openai/openai_humaneval": Named(
        ("test",),
        ("task_id", "prompt", "canonical_solution", "test", "entry_point"),
        pair=("prompt", "canonical_solution"),
    ),
    "openai/gsm8k": Named(("train", "test"), ("question", "answer"), "main"),
    "d0rj/alpaca-cleaned-ru": Named(("train",), ("instruction", "output")),
}
"""Sets that can be named in place of a folder."""
_PLAIN = Named(ALL_PARTS, ())


def load(
    name_or_folder: str,
    split: str,
    cache: Path,
    *,
    copy: Path | None = None,
    sample_sizes: Mapping[str, int] | None = None,
    revision: str | None = None,
) -> Iterator[Placed]:
    """Rows of one split (train, validation or test) with their places.

    A set of `NAMED` is read out of `copy` where that is given, else streamed off the hub at
    `revision`; anything else is a folder or file of your own. A folder's files say by their names
    or folders which part they are; a single file is the part asked for. Of a sampled set
    `sample_sizes` (default `SAMPLE`) rows of each part are drawn (`sample`); off the hub all parts
    at once, into `cache`, so that nothing is downloaded twice.
    InputError: an unknown set or part, files or columns that are missing, too few rows for
    `sample_sizes`, the package `datasets` missing, no answer of the hub.
    """
    known = NAMED.get(name_or_folder)
    place = copy if known else Path(name_or_folder)
    if place is not None and not place.exists():
        key = "documents.missing" if known else "develop.read_unknown_set"
        raise InputError(key, where=str(place), names=", ".join(NAMED))
    found = known or _PLAIN
    _check_part(found, split, name_or_folder)
    if found.sampled:
        sizes = {**SAMPLE, **(sample_sizes or {})}
        rows = _drawn(found, name_or_folder, split, place, cache, sizes, revision)
        yield from _told(rows, split, sizes, name_or_folder, sample_sizes)
    elif place is not None and arena.is_arena(place):
        yield from arena.rows(place)
    elif place is not None:
        yield from _local(place, split, found)
    else:
        source = hub.Source(name_or_folder, found.config, split, revision)
        yield from _checked(hub.stream(source, found.columns), found)


def _check_part(found: Named, part: str, where: str) -> None:
    parts = ALL_PARTS if found.sampled else found.parts
    if part not in parts:
        raise InputError("develop.read_no_part", where=where, part=part, known=", ".join(parts))


def _drawn(
    found: Named,
    name: str,
    part: str,
    place: Path | None,
    cache: Path,
    sizes: Mapping[str, int],
    revision: str | None,
) -> list[Placed]:
    only = found.parts[0]
    if place is not None:
        rows = _local(place, only, found)
        return sample.draw(rows, {part: sizes[part]}, found.columns)[part]
    source = hub.Source(name, found.config, only, revision)
    return hub.sampled(source, part, sizes, found.columns, cache)


def _told(
    rows: list[Placed],
    part: str,
    sizes: Mapping[str, int],
    name: str,
    asked: Mapping[str, int] | None,
) -> list[Placed]:
    """The rows; fewer than a recipe asks for are an error, fewer than the default only a note."""
    if asked and part in asked:
        sample.enough(part, len(rows), asked[part], name)
    elif len(rows) < sizes[part]:
        note(say("develop.read_small_sample", name=name, part=part, has=len(rows)))
    return rows


def _local(place: Path, part: str, found: Named) -> Iterator[Placed]:
    for file in _files(place, part, found):
        yield from _checked(read_table(file), found)


def _checked(rows: Iterator[Placed], found: Named) -> Iterator[Placed]:
    for origin, row in rows:
        missing = [column for column in found.columns if column not in row]
        if missing:
            values = {"missing": ", ".join(missing), "has": ", ".join(row)}
            raise InputError("develop.read_columns", where=origin, **values)
        yield origin, row


def _files(place: Path, part: str, found: Named) -> list[Path]:
    """Tables of one part, by path: those that name it, or the only one of a set of one part."""
    if place.is_file():
        return [place]
    tables = sorted(path for path in place.rglob("*") if path.is_file() and _shown(path, place))
    named = [path for path in tables if _part_of(path.relative_to(place)) == part]
    if named:
        return named
    nameless = [path for path in tables if _part_of(path.relative_to(place)) is None]
    if len(nameless) == 1 and len(tables) == 1 and len(found.parts) == 1:
        return nameless
    values = {"part": part, "found": ", ".join(path.name for path in tables[:8]) or "-"}
    raise InputError("develop.read_no_part_file", where=str(place), **values)


def _shown(path: Path, place: Path) -> bool:
    hidden = any(name.startswith(".") for name in path.relative_to(place).parts)
    return kind(path) in READERS and not hidden


def _part_of(path: Path) -> str | None:
    """The part that a file names: by its own name, else by the nearest folder that names one."""
    for name in (path.name, *(folder.name for folder in path.parents)):
        words = set(re.split(r"[^a-z]+", name.lower()))
        for part, called in _CALLED.items():
            if words & called:
                return part
    return None

"""Sets of the field by name, with their parts and columns: out of a local copy, or off the hub.

An arena, as FastChat and MT-bench write it, is a folder of `questions.jsonl` (`question_id`,
`turns`) and `answers.MODEL.jsonl` (`question_id`, `choices`, of which the first has the `turns` of
the answer).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.data.sources import hub
from kamerton.develop.data.sources.hub import draw
from kamerton.documents.tables import READERS, Placed, Row, kind, read_table
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

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
    """Columns of question and answer; None: the rows are of a form that their columns tell."""
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
QUESTIONS, ANSWERS = "questions.jsonl", "answers*.jsonl"


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
    `sample_sizes`, no answer of the hub.
    """
    listed = NAMED.get(name_or_folder)
    place = copy if listed else Path(name_or_folder)
    if place is not None and not place.exists():
        key = "documents.missing" if listed else "develop.read_unknown_set"
        raise InputError(key, where=str(place), names=", ".join(NAMED))
    of = listed or _PLAIN
    parts = ALL_PARTS if of.sampled else of.parts
    if split not in parts:
        values = {"part": split, "known": ", ".join(parts)}
        raise InputError("develop.read_no_part", where=name_or_folder, **values)
    source = hub.Source(name_or_folder, of.config, of.parts[0] if of.sampled else split, revision)
    if of.sampled:
        sizes = {**SAMPLE, **(sample_sizes or {})}
        if place is None:
            rows = hub.sampled(source, split, sizes, of.columns, cache)
        else:
            rows = draw(_local(place, source.split, of), {split: sizes[split]}, of.columns)[split]
        if (has := len(rows)) < sizes[split]:
            if sample_sizes and split in sample_sizes:
                counts = {"has": has, "wanted": sizes[split]}
                raise InputError("develop.read_too_few", where=name_or_folder, part=split, **counts)
            note(say("develop.read_small_sample", name=name_or_folder, part=split, has=has))
        yield from rows
    elif place is None:
        yield from _checked(hub.stream(source, of.columns), of)
    else:
        yield from arena_rows(place) if is_arena(place) else _local(place, split, of)


def _local(place: Path, part: str, named: Named) -> Iterator[Placed]:
    for file in _files(place, part, named):
        yield from _checked(read_table(file), named)


def _checked(rows: Iterator[Placed], named: Named) -> Iterator[Placed]:
    for origin, row in rows:
        missing = [column for column in named.columns if column not in row]
        if missing:
            values = {"missing": ", ".join(missing), "has": ", ".join(row)}
            raise InputError("develop.read_columns", where=origin, **values)
        yield origin, row


def _files(place: Path, part: str, of: Named) -> list[Path]:
    """Tables of one part, by path: those that name it, or the only one of a set of one part."""
    if place.is_file():
        return [place]
    tables = {
        path: _part_of(path.relative_to(place))
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and kind(path) in READERS
        and not any(name.startswith(".") for name in path.relative_to(place).parts)
    }
    if files := [path for path, name in tables.items() if name == part]:
        return files
    if list(tables.values()) == [None] and len(of.parts) == 1:
        return list(tables)
    values = {"part": part, "found": ", ".join(path.name for path in list(tables)[:8]) or "-"}
    raise InputError("develop.read_no_part_file", where=str(place), **values)


def _part_of(path: Path) -> str | None:
    """The part that a file names: by its own name, else by the nearest folder that names one."""
    for name in (path.name, *(folder.name for folder in path.parents)):
        words = set(re.split(r"[^a-z]+", name.lower()))
        for part, called in _CALLED.items():
            if words & called:
                return part
    return None


def is_arena(folder: Path) -> bool:
    """Whether a folder holds questions and answers apart, in `QUESTIONS` and `ANSWERS`."""
    return (folder / QUESTIONS).is_file() and any(folder.glob(ANSWERS))


def arena_rows(folder: Path) -> Iterator[tuple[str, Row]]:
    """Each answer as a row of `messages`, placed where it stands; `group` is its question.

    InputError: an answer to a question that is not there, columns of another form.
    """
    asked = {
        str(_value(row, "question_id", where)): _value(row, "turns", where)
        for where, row in read_table(folder / QUESTIONS)
    }
    for file in sorted(folder.glob(ANSWERS)):
        for where, row in read_table(file):
            name = str(_value(row, "question_id", where))
            if name not in asked:
                raise InputError("develop.read_unknown_question", where=where, question=name)
            yield where, {"messages": _messages(asked[name], row, where), "group": name}


def _messages(questions: list[Any], row: Mapping[str, Any], where: str) -> list[Row]:
    choices = _value(row, "choices", where)
    answers = _value(choices[0] if choices else {}, "turns", where)
    return [
        # A turn is a text, or holds one as its `content`.
        {"role": role, "content": turn if isinstance(turn, str) else _value(turn, "content", where)}
        for pair in zip(questions, answers, strict=False)
        for role, turn in zip(("user", "assistant"), pair, strict=True)
    ]


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    if column not in row:
        raise InputError("develop.read_columns", where=where, missing=column, has=", ".join(row))
    return row[column]

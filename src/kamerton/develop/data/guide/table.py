"""A user's own questions: CSV or JSONL with question, answer and, where known, group and key."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.data.guide.catalogue import Fact
from kamerton.develop.settings import GuideSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_objects, read_text
from kamerton.formats.matching import words


@dataclass(frozen=True)
class _Line:
    question: str
    answer: str
    group: str
    key: tuple[str, ...]
    split: str
    where: str


def read(path: Path, settings: GuideSettings) -> tuple[Fact, ...]:
    """The questions as facts: rows of one group with the same answer are wordings of one fact.

    A column `split` (train or test) decides where a wording goes; without it the last
    `test_phrasings` wordings of every fact that has at least two are held out.
    """
    facts: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    for line in _lines(path, settings):
        facts[line.group, " ".join(words(line.answer))].append(line)
    return tuple(_fact(lines, settings.test_phrasings) for lines in facts.values())


def _fact(lines: list[_Line], held_out: int) -> Fact:
    first = lines[0]
    if any(line.split for line in lines):
        train = [line for line in lines if line.split != "test"]
        test = [line for line in lines if line.split == "test"]
    else:
        kept = max(1, len(lines) - held_out)
        train, test = lines[:kept], lines[kept:]
    return Fact(
        group=first.group,
        attribute="",
        answer=first.answer,
        key=first.key or derived_key(first.answer),
        train=tuple(line.question for line in train),
        test=tuple(line.question for line in test),
        origin=first.where,
    )


def derived_key(answer: str) -> tuple[str, ...]:
    """Key facts of an answer that names none: its numbers and names, else its longest word.

    A stand-in, and the check stage says so: a column `key` is the better way.
    """
    inner = answer.split(" ", 1)[1] if " " in answer else answer
    names = re.findall(r"\d+(?:[.,]\d+)*|\b[A-ZА-ЯЁ][^\W\d_]{2,}", inner)
    longest = max(words(answer), key=len, default=answer)
    return tuple(dict.fromkeys(names)) or (longest,)


def _lines(path: Path, settings: GuideSettings) -> Iterator[_Line]:
    for number, row in _rows(path):
        where = f"{path}:{number}"
        key: Any = row.get("key") or ()
        items = re.split(r"\s*;\s*", key) if isinstance(key, str) else list(key)
        question = _column(row, settings.question_column, where)
        group = str(row.get(settings.group_column) or f"{path.stem}-{number}")
        answer = _column(row, settings.answer_column, where)
        split = str(row.get("split") or "")
        yield _Line(question, answer, group, tuple(items), split, where)


def _column(row: dict[str, object], name: str, where: str) -> str:
    if name not in row:
        raise InputError("develop.no_column", where=where, column=name, has=", ".join(row))
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise InputError("develop.empty_cell", where=where, column=name)
    return value.strip()


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    if path.suffix.lower() in {".jsonl", ".json"}:
        yield from read_objects(path)
        return
    text = read_text(path)
    delimiter = max(",;\t", key=text.splitlines()[0].count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    for row in reader:
        if None in row or None in row.values():
            raise InputError("develop.ragged_row", where=f"{path}:{reader.line_num}")
        yield reader.line_num, json.loads(json.dumps(row))

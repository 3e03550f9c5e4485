"""A user's own questions: CSV or JSONL with question, answer and, where known, group and key."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.develop.data.guide.catalogue import Fact
from kamerton.develop.settings import GuideSettings
from kamerton.documents.tables import STDIN, Row, read_table, whole_text
from kamerton.formats.errors import InputError
from kamerton.formats.matching import same_lemma, words


@dataclass(frozen=True)
class _Line:
    question: str
    answer: str
    group: str
    key: tuple[str, ...]
    split: str
    where: str


SPLITS = ("train", "test")
"""What a row may be for, in any case of letters."""
_NAME = re.compile(r"\d+(?:[.,]\d+)*|(?<!^)\b[A-ZА-ЯЁ][^\W\d_]{2,}")
"""Numbers, and words with a capital that begin no answer."""


def read(path: Path, settings: GuideSettings) -> tuple[Fact, ...]:
    """The questions as facts: rows of one group with the same answer are wordings of one fact.

    A column `split` (train or test) decides where a wording goes; without it the last
    `test_phrasings` wordings of every fact that has at least two are held out.
    """
    if str(path) == STDIN or (path.exists() and not path.is_file()):
        raise InputError("develop.questions_kept", where=str(path))
    facts: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    lines = list(_lines(path, settings))
    said = any(line.split for line in lines)
    for line in lines:
        if said and line.split not in SPLITS:
            values = {"column": settings.split_column, "value": line.split}
            known = ", ".join(SPLITS)
            raise InputError("develop.bad_split", where=line.where, known=known, **values)
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
        key=first.key or derived_key(first.answer, [line.question for line in lines]),
        train=tuple(line.question for line in train),
        test=tuple(line.question for line in test),
        origin=first.where,
        key_derived=not first.key,
    )


def derived_key(answer: str, questions: Sequence[str]) -> tuple[str, ...]:
    """Key facts of an answer that names none: its numbers and names, else its longest word.

    What stands in one of the `questions`, in whatever form, is no key: it is given, not known. Of
    `НК-32/125` in question and answer neither 32 nor 125 is asked for. Empty where the answer only
    repeats its question. A stand-in, and `init` shows it: a column `key` is the better way.
    """
    given = {word for question in questions for word in words(question)}
    names = [match.group() for match in _NAME.finditer(answer) if _is_key(match.group(), given)]
    if names:
        return tuple(dict.fromkeys(names))
    left = [word for word in words(answer) if _is_key(word, given)]
    return (max(left, key=len),) if left else ()


def _is_key(text: str, given: Iterable[str]) -> bool:
    """Whether the question lacks a word of `text`; numbers have no forms."""
    return any(
        not any(
            word == other or (not word[0].isdigit() and same_lemma(word, other)) for other in given
        )
        for word in words(text)
    )


def _lines(path: Path, settings: GuideSettings) -> Iterator[_Line]:
    for where, row in read_table(path, any_name=True):
        number = re.split("[:#]", where)[-1]
        question = _column(row, settings.question_column, where)
        answer = _column(row, settings.answer_column, where)
        group = _text(row, settings.group_column, where) or f"{path.stem}-{number}"
        split = _text(row, settings.split_column, where)
        split = split.casefold() if split.casefold() in SPLITS else split
        yield _Line(question, answer, group, _keys(row, settings.key_column, where), split, where)


def _keys(row: Row, name: str, where: str) -> tuple[str, ...]:
    """The items of a key: a list, or a text with semicolons between them."""
    if isinstance(items := row.get(name), list):
        return tuple(whole_text(item, name, where).strip() for item in items)
    return tuple(item for item in re.split(r"\s*;\s*", _text(row, name, where)) if item)


def _column(row: Row, name: str, where: str) -> str:
    if name not in row:
        raise InputError("develop.no_column", where=where, column=name, has=", ".join(row))
    if not (text := _text(row, name, where)):
        raise InputError("develop.empty_cell", where=where, column=name)
    return text


def _text(row: Row, name: str, where: str) -> str:
    return whole_text(row.get(name), name, where).strip()

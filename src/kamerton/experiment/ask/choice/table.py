"""Questions with choices from a user's own table, and which choice is the right one.

Choices are a list in one column (JSON in a CSV), or columns A, B, C, D … (or А, Б, В, Г …). The
answer is the text of a choice, its letter, or its number; one table has one of these, and it is the
one that reads all its rows.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.experiment.tasks.answers import IDS, QUESTIONS
from kamerton.experiment.tasks.tables import Line, column, no_column, read_table, texts
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

LETTERS = "ABCDEFGHIJ"
CYRILLIC = "АБВГДЕЖЗИК"
_CHOICES = ("choices", "options")
_ANSWERS = ("answer", "target", "gold", "label", "answerKey")
_MARKED = re.compile(r"\(?(\w)[).:]?")


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a user's own table; empty: the usual names are looked for."""

    id: str = ""
    question: str = ""
    answer: str = ""
    group: str = ""


@dataclass(frozen=True)
class Item:
    """One question with its choices."""

    id: str
    question: str
    choices: tuple[str, ...]
    right: int
    """Place of the right choice, from 0."""
    group: str
    """What hangs together (document, exhibit); the id where nothing is said."""
    where: str
    """File and line, for complaints."""


@dataclass(frozen=True)
class Items:
    """A whole table."""

    items: tuple[Item, ...]
    read_as: str
    """How answers were read: `text`, `letter`, `cyrillic`, `from_0` or `from_1`."""


@dataclass(frozen=True)
class _Row:
    item: Item
    answer: str


Reading = Callable[[str, Sequence[str]], int | None]
"""From an answer and the choices to the right place; None where this reading does not fit."""


def read_items(path: Path, columns: Columns, count_from: int | None = None) -> Items:
    """The questions of a file, in its order.

    `count_from` is the number of the first choice, where answers are numbers; None: 0 where some
    answer is 0, 1 where one is the number of choices. InputError names line and column.
    """
    lines = read_table(path)
    if not lines:
        raise InputError("experiment.choice_no_rows", where=str(path))
    question = column(lines, columns.question, QUESTIONS, "--question-column", path)
    if question is None:
        raise no_column(lines, "question", "--question-column", path)
    answer = column(lines, columns.answer, _ANSWERS, "--answer-column", path)
    if answer is None:
        raise no_column(lines, "answer", "--answer-column", path)
    id = column(lines, columns.id, IDS, "--id-column", path)
    group = column(lines, columns.group, ("group",), "--group-column", path)
    rows = [
        _Row(_item(line, str(place), question, id, group), _cell(line, answer))
        for place, line in enumerate(lines)
    ]
    _check_ids([row.item for row in rows])
    return _with_right(rows, answer, count_from)


def _item(line: Line, place: str, question: str, id: str | None, group: str | None) -> Item:
    name = _cell(line, id) if id in line.cells and id else place
    return Item(
        name,
        _cell(line, question),
        _choices(line),
        -1,
        _cell(line, group) if group in line.cells and group else name,
        line.where,
    )


def _cell(line: Line, name: str) -> str:
    (text,) = texts(line, name)
    if not text.strip():
        raise InputError("experiment.choice_empty", where=line.where, column=name)
    return text.strip()


def _check_ids(items: Sequence[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InputError("experiment.choice_id_twice", where=item.where, id=item.id)
        seen.add(item.id)


def _choices(line: Line) -> tuple[str, ...]:
    name = next((name for name in _CHOICES if name in line.cells), None)
    found = _by_letters(line) if name is None else _list(line, name)
    where = name or "A, B, …"
    if len(found) < 2:
        raise InputError("experiment.choice_few", where=line.where, column=where)
    if len(found) > len(LETTERS):
        raise InputError(
            "experiment.choice_many", where=line.where, column=where, most=len(LETTERS)
        )
    if len(set(found)) < len(found):
        raise InputError("experiment.choice_twice", where=line.where, column=where)
    return found


def _list(line: Line, name: str) -> tuple[str, ...]:
    cell = line.cells[name]
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except json.JSONDecodeError as error:
            raise InputError("experiment.choice_no_list", where=line.where, column=name) from error
    if not isinstance(cell, list):
        raise InputError("experiment.choice_no_list", where=line.where, column=name)
    found = tuple(str(one).strip() for one in cell if isinstance(one, str | int | float))
    if len(found) < len(cell) or not all(found):
        raise InputError("experiment.choice_no_list", where=line.where, column=name)
    return found


def _by_letters(line: Line) -> tuple[str, ...]:
    """The cells of the columns A, B, …; those behind the last choice may be empty."""
    there = {name.upper(): name for name in line.cells}
    letters = LETTERS if LETTERS[0] in there else CYRILLIC
    names: list[str] = []
    for letter in letters:
        if letter not in there:
            break
        names.append(there[letter])
    while names and line.cells[names[-1]] in ("", None):
        names.pop()
    return tuple(_cell(line, name) for name in names)


def _with_right(rows: Sequence[_Row], answer: str, count_from: int | None) -> Items:
    """The items with their right places, by the reading that fits most rows: it must fit all."""
    readings = dict(_READINGS)
    if count_from is not None:
        readings = {name: readings[name] for name in ("text", "letter", "cyrillic")}
        readings[f"from_{count_from}"] = _READINGS[f"from_{count_from}"]
    elif _undecided(rows):
        raise InputError("experiment.choice_count_from", where=rows[0].item.where, column=answer)
    found = {
        name: [read(row.answer, row.item.choices) for row in rows]
        for name, read in readings.items()
    }
    best = max(found, key=lambda name: sum(place is not None for place in found[name]))
    items: list[Item] = []
    for row, place in zip(rows, found[best], strict=True):
        if place is None:
            raise _unread(row, answer, best)
        item = row.item
        items.append(Item(item.id, item.question, item.choices, place, item.group, item.where))
    return Items(tuple(items), best)


def _undecided(rows: Sequence[_Row]) -> bool:
    """Whether all answers are numbers which may count from 0 as well as from 1."""

    def all_by(name: str) -> bool:
        return all(_READINGS[name](row.answer, row.item.choices) is not None for row in rows)

    return not all_by("text") and all_by("from_0") and all_by("from_1")


def _unread(row: _Row, answer: str, best: str) -> InputError:
    return InputError(
        "experiment.choice_bad_answer",
        where=row.item.where,
        column=answer,
        answer=row.answer[:80],
        count=len(row.item.choices),
        kind=say(f"experiment.choice_as_{best}"),
    )


def _by_text(answer: str, choices: Sequence[str]) -> int | None:
    return choices.index(answer) if answer in choices else None


def _by_letter(letters: str) -> Reading:
    def read(answer: str, choices: Sequence[str]) -> int | None:
        marked = _MARKED.fullmatch(answer.upper())
        return _inside(letters.find(marked[1]) if marked else -1, choices)

    return read


def _by_number(first: int) -> Reading:
    def read(answer: str, choices: Sequence[str]) -> int | None:
        number = answer.removesuffix(".0")
        return _inside(int(number) - first if number.isdecimal() else -1, choices)

    return read


def _inside(place: int, choices: Sequence[str]) -> int | None:
    return place if 0 <= place < len(choices) else None


_READINGS: dict[str, Reading] = {
    "text": _by_text,
    "letter": _by_letter(LETTERS),
    "cyrillic": _by_letter(CYRILLIC),
    "from_0": _by_number(0),
    "from_1": _by_number(1),
}

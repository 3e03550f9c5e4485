"""Questions with choices from a user's own table, and which choice is the right one.

Choices are a list in one column (JSON in a CSV), or columns A, B, C, D … (or А, Б, В, Г …). The
answer is the text of a choice, its letter, or its number; one table has one of these, and it is the
one that reads all its rows.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kamerton.experiment.tasks.tables import IDS, QUESTIONS, Columns, Line, read_table
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

LETTERS = "ABCDEFGHIJ"
CYRILLIC = "АБВГДЕЖЗИК"
_CHOICES = ("choices", "options")
_ANSWERS = ("answer", "target", "gold", "label", "answerKey")
_MARKED = re.compile(r"\(?(\w)[).:]?")


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


Reading = Callable[[str, Sequence[str]], int | None]
"""From an answer and the choices to the right place; None where this reading does not fit."""


def read_items(path: Path, columns: Columns, count_from: int | None = None) -> Items:
    """The questions of a file, in its order.

    `count_from` is the number of the first choice, where answers are numbers; None: 0 where some
    answer is 0, 1 where one is the number of choices. InputError names line and column.
    """
    table = read_table(path, "experiment.choice_no_rows")
    question = table.required("question", columns.question, QUESTIONS)
    answer = table.required("answer", columns.answer, _ANSWERS)
    id_column = table.column("id", columns.id, IDS)
    group = table.column("group", columns.group, ("group",))
    items: dict[str, Item] = {}
    for place, line in enumerate(table.lines):
        id = line.key(id_column, place)
        unit = _cell(line, group) if group and group in line.cells else id
        item = Item(id, _cell(line, question), _choices(line), -1, unit, line.where)
        if id in items:
            raise InputError("experiment.choice_id_twice", where=line.where, id=id)
        items[id] = item
    answers = [_cell(line, answer) for line in table.lines]
    return _with_right(list(items.values()), answers, answer, count_from)


def _cell(line: Line, name: str) -> str:
    (text,) = line.texts(name)
    if not text.strip():
        raise InputError("experiment.choice_empty", where=line.where, column=name)
    return text.strip()


def _choices(line: Line) -> tuple[str, ...]:
    column = next((name for name in _CHOICES if name in line.cells), None)
    choices = _by_letters(line) if column is None else _list(line, column)
    problem = ""
    if len(choices) < 2:
        problem = "choice_few"
    elif len(choices) > len(LETTERS):
        problem = "choice_many"
    elif len(set(choices)) < len(choices):
        problem = "choice_twice"
    if problem:
        values = {"column": column or "A, B, …", "most": len(LETTERS)}
        raise InputError(f"experiment.{problem}", where=line.where, **values)
    return choices


def _list(line: Line, column: str) -> tuple[str, ...]:
    cell = line.cells[column]
    no_list = InputError("experiment.choice_no_list", where=line.where, column=column)
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except json.JSONDecodeError as error:
            raise no_list from error
    if not isinstance(cell, list):
        raise no_list
    choices = tuple(str(one).strip() for one in cell if isinstance(one, str | int | float))
    if len(choices) < len(cell) or not all(choices):
        raise no_list
    return choices


def _by_letters(line: Line) -> tuple[str, ...]:
    """The cells of the columns A, B, …; those behind the last choice may be empty."""
    by_letter = {name.upper(): name for name in line.cells}
    names: list[str] = []
    for letter in LETTERS if LETTERS[0] in by_letter else CYRILLIC:
        if letter not in by_letter:
            break
        names.append(by_letter[letter])
    while names and line.cells[names[-1]] in ("", None):
        names.pop()
    return tuple(_cell(line, name) for name in names)


def _with_right(
    items: Sequence[Item], answers: Sequence[str], column: str, count_from: int | None
) -> Items:
    """The items with their right places, by the reading that fits most rows: it must fit all."""
    by_reading = {
        name: [read(text, one.choices) for text, one in zip(answers, items, strict=True)]
        for name, read in _READINGS.items()
    }
    if count_from is not None:
        del by_reading[f"from_{1 - count_from}"]
    elif None in by_reading["text"] and None not in [*by_reading["from_0"], *by_reading["from_1"]]:
        # All answers are numbers which may count from 0 as well as from 1.
        raise InputError("experiment.choice_count_from", where=items[0].where, column=column)
    best = max(by_reading, key=lambda name: sum(place is not None for place in by_reading[name]))
    whole: list[Item] = []
    for item, text, place in zip(items, answers, by_reading[best], strict=True):
        if place is None:
            raise InputError(
                "experiment.choice_bad_answer",
                where=item.where,
                column=column,
                answer=text[:80],
                count=len(item.choices),
                kind=say(f"experiment.choice_as_{best}"),
            )
        whole.append(replace(item, right=place))
    return Items(tuple(whole), best)


def _by_letter(letters: str) -> Reading:
    def read(answer: str, choices: Sequence[str]) -> int | None:
        marked = _MARKED.fullmatch(answer.upper())
        place = letters.find(marked[1]) if marked else -1
        return place if 0 <= place < len(choices) else None

    return read


def _by_number(first: int) -> Reading:
    def read(answer: str, choices: Sequence[str]) -> int | None:
        number = answer.removesuffix(".0")
        place = int(number) - first if number.isdecimal() else -1
        return place if 0 <= place < len(choices) else None

    return read


_READINGS: dict[str, Reading] = {
    "text": lambda answer, choices: choices.index(answer) if answer in choices else None,
    "letter": _by_letter(LETTERS),
    "cyrillic": _by_letter(CYRILLIC),
    "from_0": _by_number(0),
    "from_1": _by_number(1),
}

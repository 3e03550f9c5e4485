"""Problems with their true answers, and whether an answer is right: exact, in any spelling."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from unicodedata import normalize

from kamerton.experiment.tasks.maths.extraction import Answer, declared
from kamerton.experiment.tasks.maths.numerals import decimal
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_objects

_GOLD = re.compile(r"####\s*(\S[^\n]*?)\s*$")
_INTERMEDIATE = re.compile(r"<<[^<>=]*(?:=[^<>=]*)*=\s*\$?(-?[\d.,]+)\s*>>")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u2013": "-", "\u2014": "-"})


@dataclass(frozen=True)
class Problem:
    """A question with its true answer."""

    id: str
    question: str
    gold: Fraction
    intermediate: tuple[Fraction, ...] = ()
    """Values on the way that the true solution computes, without the answer itself."""


def problem(id: str, question: str, answer: str, where: str) -> Problem:
    """A problem from a solution that ends in `#### 18`, or from a bare number.

    Raises InputError at `where` if the answer is no number.
    """
    ending = _GOLD.search(answer)
    written = (ending[1] if ending else answer).strip().lstrip("$")
    value = decimal(written.lstrip("-")) if re.fullmatch(r"-?[\d.,]*\d", written) else None
    if value is None:
        raise InputError("experiment.maths_no_gold", where=where, answer=written[:60])
    gold = -value if written.startswith("-") else value
    return Problem(id, question, gold, _intermediate(answer, gold))


def _intermediate(answer: str, gold: Fraction) -> tuple[Fraction, ...]:
    values: dict[Fraction, None] = {}
    for written in _INTERMEDIATE.findall(answer):
        value = decimal(written.lstrip("-"))
        if value is not None and value != gold:
            values[-value if written.startswith("-") else value] = None
    return tuple(values)


def read_problems(path: Path) -> list[Problem]:
    """The problems of a JSONL file with `question`, `answer` and, if it likes, `id`.

    Without ids they are numbered from 0, as in the published file. InputError names the line.
    """
    found = [
        _problem(row, str(row.get("id", place)), f"{path}:{number}")
        for place, (number, row) in enumerate(read_objects(path))
    ]
    if len({one.id for one in found}) < len(found):
        raise InputError("experiment.maths_same_id", where=str(path))
    return found


def _problem(row: dict[str, object], id: str, where: str) -> Problem:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str | int | float):
        raise InputError("experiment.maths_bad_problem", where=where)
    return problem(id, question, str(answer), where)


class Problems:
    """Problems, found by id or by question; case, spaces and quotes of a question are levelled."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Index the problems both ways."""
        self.all = tuple(problems)
        self._by_id = {one.id: one for one in self.all}
        self._by_question = {_levelled(one.question): one for one in self.all}

    def find(self, id: str | None, question: str | None) -> Problem | None:
        """The problem of an id, else of a question; None where there is none."""
        if id is not None:
            return self._by_id.get(id)
        return self._by_question.get(_levelled(question or ""))


def _levelled(question: str) -> str:
    text = normalize("NFKC", question).translate(_QUOTES).casefold()
    return " ".join(text.split())


def answer_of(text: str, asked: Problem, finish_reason: str = "") -> Answer:
    """What a text answers to a problem, by the declared extractor."""
    return declared(text, asked.question, finish_reason)


def is_right(answer: Answer, asked: Problem) -> bool:
    """Whether an answer equals the true one exactly: 18.00 is 18, 123461 is not 123456.

    A true answer with more than ten decimals is itself rounded (0.6666666666666666): there the
    tenth decimal decides.
    """
    if asked.gold.denominator > 10**10 and answer.value is not None:
        return abs(answer.value - asked.gold) < Fraction(1, 10**10)
    return answer.value == asked.gold

"""Problems with their true answers; whether an answer is right, and why a wrong one is wrong."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal, get_args
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.tasks.maths.equations import equations
from kamerton.experiment.tasks.maths.extraction import Answer, body_of
from kamerton.experiment.tasks.maths.numbers import decimal
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_objects
from kamerton.formats.spelling import folded, plain

_GOLD = re.compile(r"####\s*(\S[^\n]*?)\s*$")
_INTERMEDIATE = re.compile(r"<<[^<>=]*(?:=[^<>=]*)*=\s*\$?(-?[\d.,]+)\s*>>")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u2013": "-", "\u2014": "-"})
ErrorClass = Literal["looped_or_cut", "unparsed", "copied", "arithmetic", "intermediate", "plan"]
CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)
COPIED_WORDS = 8
"""A run of so many words of a worked example, which the question lacks, counts as copied."""
_LEAST_LETTERS = 4
_Runs = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Problem:
    """A question with its true answer."""

    id: str
    question: str
    gold: Fraction
    intermediate: tuple[Fraction, ...] = ()
    """Values on the way that the true solution computes, without the answer itself."""


class Fault(BaseModel):
    """Why one answer is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ErrorClass
    detail: str = ""
    """The false equation, the copied words, the intermediate value, or why nothing was read."""
    operators: str = ""
    """The signs of the false equation, of `+-*/`."""


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
    return " ".join(normalize("NFKC", plain(question)).translate(_QUOTES).casefold().split())


def problem(id: str, question: str, answer: str, where: str) -> Problem:
    """A problem from a solution that ends in `#### 18`, or from a bare number.

    Raises InputError at `where` if the answer is no number.
    """
    ending = _GOLD.search(answer)
    written = (ending[1] if ending else answer).strip().lstrip("$")
    gold = _signed(written) if re.fullmatch(r"-?[\d.,]*\d", written) else None
    if gold is None:
        raise InputError("experiment.maths_no_gold", where=where, answer=written[:60])
    values = (_signed(value) for value in _INTERMEDIATE.findall(answer))
    on_the_way = dict.fromkeys(value for value in values if value not in (None, gold))
    return Problem(id, question, gold, tuple(value for value in on_the_way if value is not None))


def _signed(written: str) -> Fraction | None:
    value = decimal(written.lstrip("-"))
    return -value if value is not None and written.startswith("-") else value


def read_problems(path: Path) -> list[Problem]:
    """The problems of a JSONL file with `question`, `answer` and, if it likes, `id`.

    Without ids they are numbered from 0, as in the published file. InputError names the line.
    """
    problems: dict[str, Problem] = {}
    for place, (number, row) in enumerate(read_objects(path)):
        id, question, answer = str(row.get("id", place)), row.get("question"), row.get("answer")
        where = f"{path}:{number}"
        if not isinstance(question, str) or not isinstance(answer, str | int | float):
            raise InputError("experiment.maths_bad_problem", where=where)
        if id in problems:
            raise InputError("experiment.maths_same_id", where=str(path))
        problems[id] = problem(id, question, str(answer), where)
    return list(problems.values())


def is_right(answer: Answer, asked: Problem) -> bool:
    """Whether an answer equals the true one exactly: 18.00 is 18, 123461 is not 123456.

    A true answer with more than ten decimals is itself rounded (0.6666666666666666): there the
    tenth decimal decides.
    """
    if asked.gold.denominator > 10**10 and answer.value is not None:
        return abs(answer.value - asked.gold) < Fraction(1, 10**10)
    return answer.value == asked.gold


def classify(text: str, answer: Answer, asked: Problem, shots: Sequence[str] = ()) -> Fault:
    """Why a wrong answer is wrong, by rules: the first that fits, in this order.

    `looped_or_cut`, `unparsed` (no answer for another reason), `copied` (from `shots`, the worked
    examples that the prompt showed), `arithmetic` (a false equation, which is named),
    `intermediate` (a value that the true solution computes on the way), `plan` (no false equation,
    so the way was wrong).
    """
    if answer.value is None:
        cut = answer.why in ("looped", "cut", "empty")
        return Fault(kind="looped_or_cut" if cut else "unparsed", detail=answer.why)
    body = body_of(text, asked.question)
    if copied := _copied(body, asked.question, tuple(shots)):
        return Fault(kind="copied", detail=copied)
    for equation in equations(body):
        if not equation.holds:
            return Fault(kind="arithmetic", detail=equation.text, operators=equation.operators)
    if answer.value in asked.intermediate:
        return Fault(kind="intermediate", detail=str(answer.value))
    return Fault(kind="plan")


def _copied(body: str, question: str, shots: tuple[str, ...]) -> str:
    """The first run of words that stands in a worked example too and not in the question."""
    shown = _runs_of(shots) - frozenset(_runs(question))
    for run in _runs(body):
        # Figures alone ("3 + 4 = 7 and 7 …") may well agree by chance.
        if run in shown and sum(word.isalpha() for word in run) >= _LEAST_LETTERS:
            return " ".join(run)
    return ""


@cache
def _runs_of(shots: tuple[str, ...]) -> _Runs:
    return frozenset(run for shot in shots for run in _runs(shot))


def _runs(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", folded(text))
    return [
        tuple(words[start : start + COPIED_WORDS]) for start in range(len(words) - COPIED_WORDS + 1)
    ]

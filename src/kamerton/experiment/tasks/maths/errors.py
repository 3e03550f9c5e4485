"""Why a wrong answer is wrong, by rules: one class for each, the first that fits, in this order.

`looped_or_cut`, `unparsed` (no answer for another reason), `copied` (from a worked example),
`arithmetic` (a false equation, which is named), `intermediate` (a value that the true solution
computes on the way), `plan` (no false equation found, so the way was wrong).
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.tasks.maths.equations import equations
from kamerton.experiment.tasks.maths.extraction import Answer, body_of
from kamerton.experiment.tasks.maths.grading import Problem

ErrorClass = Literal["looped_or_cut", "unparsed", "copied", "arithmetic", "intermediate", "plan"]
CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)
COPIED_WORDS = 8
"""A run of so many words of a worked example, which the question lacks, counts as copied."""
_WORDS = re.compile(r"[^\W_]+")
_LEAST_LETTERS = 4


class Fault(BaseModel):
    """Why one answer is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ErrorClass
    detail: str = ""
    """The false equation, the copied words, the intermediate value, or why nothing was read."""
    operators: str = ""
    """The signs of the false equation, of `+-*/`."""


def classify(text: str, answer: Answer, asked: Problem, shots: Sequence[str] = ()) -> Fault:
    """The class of a wrong answer. `shots` are the worked examples that the prompt showed."""
    if answer.value is None:
        cut = answer.why in ("looped", "cut", "empty")
        return Fault(kind="looped_or_cut" if cut else "unparsed", detail=answer.why)
    if copied := _copied(text, asked.question, tuple(shots)):
        return Fault(kind="copied", detail=copied)
    false = [one for one in equations(body_of(text, asked.question)) if not one.holds]
    if false:
        return Fault(kind="arithmetic", detail=false[0].text, operators=false[0].operators)
    if answer.value in asked.intermediate:
        return Fault(kind="intermediate", detail=str(answer.value))
    return Fault(kind="plan")


def _copied(text: str, question: str, shots: tuple[str, ...]) -> str:
    """The first run of words that stands in a worked example too and not in the question."""
    known = _runs_of(shots) - _runs(question)
    words = _words(body_of(text, question))
    for start in range(len(words) - COPIED_WORDS + 1):
        run = tuple(words[start : start + COPIED_WORDS])
        # Figures alone ("3 + 4 = 7 and 7 …") may well agree by chance.
        letters = sum(word.isalpha() for word in run)
        if run in known and letters >= _LEAST_LETTERS:
            return " ".join(run)
    return ""


@cache
def _runs_of(shots: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(run for shot in shots for run in _runs(shot))


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _words(text)
    return frozenset(
        tuple(words[start : start + COPIED_WORDS]) for start in range(len(words) - COPIED_WORDS + 1)
    )


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold().replace("ё", "е"))

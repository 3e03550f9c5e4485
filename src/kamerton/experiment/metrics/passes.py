"""pass@1: the program in the answer holds every assertion that the question states.

Prompts in the manner of MBPP end with their tests, lines that begin with `assert`; questions
without any do not count. The program runs in the sandbox, its results are compared outside of it
(`experiment.code.judge`); where the reference changes its arguments, so may the answer. With one
answer to a question the share is the unbiased pass@1 (`scorers.pass_at_k`).
"""

import ast
from dataclasses import replace
from functools import lru_cache
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question

if TYPE_CHECKING:
    from kamerton.experiment.code.statements import Statement
    from kamerton.experiment.code.workers import Trial


def passes(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score whether the program of one answer passes."""
    trial = _reference(question.id, question.question, question.answer)
    if trial is None:
        return None
    from kamerton.experiment.code.extract import extract
    from kamerton.experiment.code.workers import judge_one

    judged = judge_one(replace(trial, source=extract(trial.task, answer).source))
    return (1.0, "") if judged.passed else (0.0, f"program_{judged.status}")


def _tests(those: "list[Statement]") -> list[str]:
    """Assertions, what stands among them, and what stands right above the first."""
    asserted = [n for n, one in enumerate(those) if isinstance(one.node, ast.Assert)]
    if not asserted:
        return []
    first = asserted[0]
    while first and those[first].first - those[first - 1].last <= 1:
        first -= 1
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    chosen = those[first : asserted[-1] + 1]
    return [one.source for one in chosen if not isinstance(one.node, functions)]


@lru_cache(maxsize=4096)
def _reference(id: str, question: str, answer: str) -> "Trial | None":
    """The trial of a question's reference; None where the question states no assertion."""
    from kamerton.experiment.code.extract import extract
    from kamerton.experiment.code.statements import Line, statements
    from kamerton.experiment.code.tasks import CodeTask, called, imports
    from kamerton.experiment.code.workers import Trial, judge_one

    lines = [Line(line, 0) for line in question.split("\n")]
    tests = _tests(statements(lines))
    if not tests:
        return None
    body = indent("\n".join(tests), "    ")
    check = f"{imports(dedent(body))}def check(candidate):\n{body}\n"
    names = called(check, answer)
    if not names:
        return None
    task = CodeTask(id, question, names[0], check, continues=False)
    trial = Trial(task, extract(task, answer).source, in_place=True)
    return replace(trial, in_place=judge_one(trial).changes)

"""Whether a program passes a task's check, with the judge outside of the program's box.

The program runs in a box of its own (`kamerton.sandbox`); here only its results arrive, as values
of Python's own types or as stand-ins that are equal to nothing, so that no `__eq__` of a candidate
decides. The check is trusted and runs in this process with a stand-in for the function. A check
that never calls it passes nobody. Time is counted in CPU seconds, since wall clocks change scores
on slow machines (evalplus#5).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kamerton.experiment.code.extract import preamble, program
from kamerton.experiment.code.tasks import CodeTask, called, caught
from kamerton.formats.errors import InputError
from kamerton.sandbox import (
    CODE,
    BoxEnded,
    BrokenAnswer,
    CandidateError,
    Limits,
    Session,
    error_line,
)
from kamerton.sandbox.limits import MIB

PROGRAMS = replace(CODE, output_bytes=16 * MIB)
"""Limits of a candidate: HumanEval+ has right answers of 7 MB (HumanEval/15)."""
Status = Literal["passed", "failed", "error", "timeout", "limit"]
"""`failed`: the results are wrong; `error`: its own exception; `timeout`: out of CPU time; `limit`:
out of memory, output or processes, or the box died."""
FIND_ZERO = "find_zero"
"""HumanEval/32: any root is right, so its polynomial is computed instead of comparing roots."""
FLOATS = 1e-6
"""Tolerance where results are floats and the task names none, as in evalplus."""
_RELATIVE = 1e-7
SHOWN = 200
"""Characters of a detail that are kept."""


@dataclass(frozen=True)
class Judged:
    """The judgement of one program."""

    status: Status
    detail: str = ""
    """The exception's type and text, which limit, or which test."""
    calls: int = 0
    """How often the candidate was called."""
    changes: bool = False
    """Whether it changes its arguments, where that was looked at."""
    cpu_seconds: float = 0.0
    """Processor time of its box."""

    @property
    def passed(self) -> bool:
        """Whether every test held."""
        return self.status == "passed"


def judge(
    task: CodeTask,
    source: str,
    limits: Limits = PROGRAMS,
    expected: Sequence[Any] | None = None,
    in_place: bool = False,
) -> Judged:
    """Judge one program in a box.

    `expected`: the known solution's results on the inputs of HumanEval+ (`expected_results`), for
    many programs of one task; without it they are computed here. `in_place`: whether the check sees
    what the program does to its arguments. A program that passes but has used up its CPU seconds is
    a timeout. Raises InputError where there is no sandbox, with the command that installs it, or
    where the task is broken: a check that does not run, or calls nothing.
    """
    if not source.strip():
        return Judged("failed", "no program")
    if task.inputs and expected is None:
        expected = expected_results(task)
    with Session(limits, in_place) as session:
        status, detail = _outcome(task, source, session, expected or ())
        spent = session.close().cpu_seconds
    if status == "passed" and spent >= limits.cpu_seconds:
        status, detail = "timeout", "cpu"
    return Judged(status, detail[:SHOWN], session.calls, session.changed, spent)


def _outcome(
    task: CodeTask, source: str, session: Session, expected: Sequence[Any]
) -> tuple[Status, str]:
    try:
        session.load(source, task.entry_point)
        outcome = _checked(task, session) if task.check else ("passed", "")
        if outcome[0] == "passed":
            outcome = _compared(task, session, expected)
        if session.alive:  # else the check has swallowed its end
            return outcome
    except CandidateError as error:
        return _raised(error)
    except BrokenAnswer as error:
        return "error", f"no answer but {error}"
    except BoxEnded:
        pass
    limit = session.limit
    if limit is None:
        return "error", "the program has ended"
    return "timeout" if limit in {"cpu", "wall"} else "limit", limit


def _raised(error: CandidateError) -> tuple[Status, str]:
    return "limit" if error.kind == "MemoryError" else "error", error_line(error)


def _checked(task: CodeTask, session: Session) -> tuple[Status, str]:
    check = _check(task, session)
    try:
        check(session.function(task.entry_point))
    except CandidateError:
        raise
    except MemoryError:
        return "limit", "memory"
    except Exception as error:
        if session.error is not None:  # a fault goes before whatever the check made of it
            return _raised(session.error)
        if isinstance(error, AssertionError):
            return "failed", str(error) or "a test does not hold"
        # The check could not use the results: a wrong type, mostly.
        return "failed", f"{type(error).__name__}: {error}"
    if session.unsent:
        return "failed", session.unsent
    if not session.calls:
        raise InputError("experiment.code_no_tests", where=task.id)
    return "passed", ""


def _check(task: CodeTask, session: Session) -> Callable[[Any], object]:
    """The check with everything that it names: the prompt's helpers, and the stand-ins."""
    space: dict[str, Any] = {"__name__": "check"}
    try:
        exec(compile(preamble(task), task.id, "exec"), space)
        helpers = frozenset(space)
        exec(compile(task.check, task.id, "exec"), space)
        check: Callable[[Any], object] = space["check"]
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise InputError("experiment.code_bad_check", where=task.id, why=why) from error
    # After the check is taken: a solution may be named `check` as well.
    solution = program(task) if task.solution else task.prompt
    names = {task.entry_point, *called(task.check, solution, helpers)} - helpers
    space.update({name: session.function(name) for name in names})
    for name in caught(task.check) - space.keys():
        space[name] = session.declared[name] = type(name, (CandidateError,), {})
    return check


def expected_results(task: CodeTask) -> list[Any]:
    """What the known solution gives on all inputs. It is trusted and runs in this process."""
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(program(task), task.id, "exec"), space)
    return [space[task.entry_point](*copy.deepcopy(one)) for one in task.inputs]


def _compared(task: CodeTask, session: Session, expected: Sequence[Any]) -> tuple[Status, str]:
    """Results on all inputs against those of the known solution; the first that differs ends it."""
    for number, (arguments, right) in enumerate(zip(task.inputs, expected, strict=True)):
        try:
            result = session.call(task.entry_point, *copy.deepcopy(arguments))
        except CandidateError as error:
            status, detail = _raised(error)
            return status, f"input {number}: {detail}"
        if not _right(task, arguments, result, right):
            return "failed", f"input {number}: another result"
    return "passed", ""


def _right(task: CodeTask, arguments: Sequence[Any], result: Any, expected: Any) -> bool:
    """Whether a result is right by the rules of evalplus (Liu et al. 2023)."""
    if task.entry_point != FIND_ZERO or not task.tolerance:
        return same(result, expected, task.tolerance)
    if type(result) not in {int, float}:
        return False
    try:
        value = sum(c * result**power for power, c in enumerate(arguments[0]))
        return bool(abs(value) <= task.tolerance)
    except OverflowError:
        return False


def same(result: Any, expected: Any, tolerance: float = 0.0) -> bool:
    """Equal values; floats, and lists, tuples and dicts of them, within the tolerance.

    A list is no tuple; NaN equals NaN.
    """
    try:
        if result == expected:
            return True
    except RecursionError:
        return False
    if isinstance(expected, float):
        if type(result) not in {int, float}:
            return False
        if expected != expected:
            return bool(result != result)
        slack = (tolerance or FLOATS) + _RELATIVE * abs(expected)
        try:
            return abs(float(result) - expected) <= slack
        except OverflowError:  # an integer above all floats
            return False
    if type(result) is not type(expected):
        return False
    if type(expected) in {list, tuple}:
        return len(result) == len(expected) and all(
            same(one, other, tolerance) for one, other in zip(result, expected, strict=True)
        )
    if type(expected) is dict:
        return result.keys() == expected.keys() and all(
            same(result[key], expected[key], tolerance) for key in expected
        )
    return False

"""Whether a program passes a task's check, with the judge outside of the box.

The program runs elsewhere (`call`); here only its results arrive, and only as values of Python's
own plain types, so that no `__eq__` of a candidate decides. The check is trusted and runs in this
process with a stand-in for the function. A check that never calls it passes nobody.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kamerton.experiment.code.extract import preamble, program
from kamerton.experiment.code.tasks import CodeTask, called
from kamerton.formats.errors import InputError

Fault = Literal["error", "timeout", "limit"]
"""Its own exception; out of CPU time; out of memory, output or processes, or the box died."""
Status = Literal["passed", "failed", "error", "timeout", "limit"]
"""`failed`: the results are wrong; the others say what kept it from giving results."""
FIND_ZERO = "find_zero"
"""HumanEval/32: any root is right, so its polynomial is computed instead of comparing roots."""
FLOATS = 1e-6
"""Tolerance where results are floats and the task names none, as in evalplus."""
_RELATIVE = 1e-7
_SHOWN = 200
"""Characters of a detail that are kept."""
_DEEPEST = 100
"""Levels of nesting of a result that are looked into."""


@dataclass(frozen=True)
class Called:
    """What came back from one call of the candidate."""

    value: Any = None
    fault: Fault | None = None
    detail: str = ""
    """The exception's type and text, or which limit."""


Call = Callable[[str, str, Sequence[Any]], Called]
"""Source, function and arguments to a result; never raises for what the candidate does."""


@dataclass(frozen=True)
class Judged:
    """The judgement of one program."""

    status: Status
    detail: str = ""
    calls: int = 0
    """How often the candidate was called."""
    cpu_seconds: float = 0.0
    """Processor time of its box."""

    @property
    def passed(self) -> bool:
        """Whether every test held."""
        return self.status == "passed"


class _Stopped(BaseException):
    """The candidate gave no result. Not an Exception, so that no check takes it for a result."""


@dataclass
class _Trial:
    """One program before its check."""

    source: str
    call: Call
    calls: int = 0
    fault: Called | None = None
    broken: Exception | None = None

    def stand_in(self, name: str) -> Callable[..., Any]:
        """What a check calls in place of the program's function."""

        def run(*args: Any) -> Any:
            if self.fault is not None or self.broken is not None:
                raise _Stopped
            self.calls += 1
            try:
                # A copy: what the candidate does to its arguments cannot reach the check.
                result = self.call(self.source, name, copy.deepcopy(args))
            except Exception as error:  # of ours or of the check: no check may swallow it
                self.broken = error
                raise _Stopped from error
            if result.fault is None and not plain(result.value):
                result = Called(fault="error", detail="the result is not of a plain type")
            if result.fault is not None:
                self.fault = result
                raise _Stopped
            return result.value

        return run


def judge(task: CodeTask, source: str, call: Call, expected: Sequence[Any] | None = None) -> Judged:
    """Run the check of `task` on the program `source`, which is only ever run by `call`.

    `expected` are the known solution's results on the inputs of HumanEval+ (`expected_results`),
    for many programs of one task; without it they are computed here. Raises InputError where the
    task itself is broken: a check that does not run, or calls nothing.
    """
    if not source.strip():
        return Judged("failed", "no program")
    judged = _checked(task, source, call) if task.check else Judged("passed")
    if not judged.passed or not task.inputs:
        return judged
    return _compared(task, source, call, expected or expected_results(task), judged.calls)


def _checked(task: CodeTask, source: str, call: Call) -> Judged:
    trial = _Trial(source, call)
    check = _check(task, trial)
    status: Status = "failed"
    detail = ""
    try:
        check(trial.stand_in(task.entry_point))
        status = "passed"
    except _Stopped:
        status = "error"
    except AssertionError as error:
        detail = str(error) or "a test does not hold"
    except MemoryError:
        status, detail = "limit", "memory"
    except Exception as error:  # the check could not use the results: a wrong type, mostly
        detail = f"{type(error).__name__}: {error}"
    if trial.broken is not None:
        why = f"{type(trial.broken).__name__}: {trial.broken}"
        raise InputError("experiment.code_bad_check", where=task.id, why=why) from trial.broken
    if trial.fault is not None and trial.fault.fault is not None:
        # A fault goes before whatever the check made of it.
        return Judged(trial.fault.fault, trial.fault.detail[:_SHOWN], trial.calls)
    if not trial.calls:
        raise InputError("experiment.code_no_tests", where=task.id)
    return Judged(status, detail[:_SHOWN], trial.calls)


def _check(task: CodeTask, trial: _Trial) -> Callable[[Any], object]:
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
    space.update({name: trial.stand_in(name) for name in names})
    return check


def expected_results(task: CodeTask) -> list[Any]:
    """What the known solution gives on all inputs. It is trusted and runs in this process."""
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(program(task), task.id, "exec"), space)
    return [space[task.entry_point](*copy.deepcopy(one)) for one in task.inputs]


def _compared(
    task: CodeTask, source: str, call: Call, expected: Sequence[Any], calls: int
) -> Judged:
    """Results on all inputs against those of the known solution; the first that differs ends it."""
    for number, (arguments, right) in enumerate(zip(task.inputs, expected, strict=True)):
        result = call(source, task.entry_point, copy.deepcopy(arguments))
        calls += 1
        if result.fault is not None:
            return Judged(result.fault, f"input {number}: {result.detail}"[:_SHOWN], calls)
        if not plain(result.value) or not _right(task, arguments, result.value, right):
            return Judged("failed", f"input {number}: another result", calls)
    return Judged("passed", "", calls)


def plain(value: Any, depth: int = 0) -> bool:
    """Whether a value and all in it are exactly of Python's own plain types, no subclasses."""
    if value is None or type(value) in {bool, int, float, complex, str, bytes}:
        return True
    if depth > _DEEPEST:
        return False
    if type(value) in {list, tuple, set, frozenset}:
        return all(plain(one, depth + 1) for one in value)
    if type(value) is dict:
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return False


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

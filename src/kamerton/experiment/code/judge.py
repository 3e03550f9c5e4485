"""Whether a program passes a task's check, with the judge outside of the box.

The program runs elsewhere (`call`); here only its results arrive, and only as values of Python's
own plain types, so that no `__eq__` of a candidate decides. The check is trusted and runs in this
process with a stand-in for the function. A check that never calls it passes nobody.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kamerton.experiment.code.equal import expected, right
from kamerton.experiment.code.extract import preamble, program
from kamerton.experiment.code.tasks import CodeTask, called
from kamerton.formats.errors import InputError

Fault = Literal["error", "timeout", "limit"]
"""Its own exception; out of CPU time; out of memory, output or processes, or the box died."""
Status = Literal["passed", "failed", "error", "timeout", "limit"]
"""`failed`: the results are wrong; the others say what kept it from giving results."""


@dataclass(frozen=True)
class Called:
    """What came back from one call of the candidate."""

    value: Any = None
    fault: Fault | None = None
    detail: str = ""
    """The exception's type and text, or which limit."""


Call = Callable[[str, str, Sequence[Any]], Called]
"""Source, function and arguments to a result; never raises for what the candidate does."""
CallMany = Callable[[str, str, Sequence[Sequence[Any]]], Sequence[Called]]
"""The same for many calls of one program; may stop after the first fault."""


@dataclass(frozen=True)
class Judged:
    """The judgement of one program."""

    status: Status
    detail: str = ""
    calls: int = 0
    """How often the candidate was called."""

    @property
    def passed(self) -> bool:
        """Whether every test held."""
        return self.status == "passed"


SHOWN = 200
"""Characters of a detail that are kept."""


class _Stopped(BaseException):
    """The candidate gave no result. Not an Exception, so that no check takes it for a result."""


@dataclass
class _Trial:
    """One program before its check."""

    source: str
    call: Call
    calls: int = 0
    fault: Called | None = None

    def function(self, name: str) -> Callable[..., Any]:
        """The stand-in that a check calls in place of the program's function."""

        def stand_in(*args: Any) -> Any:
            return self._run(name, args)

        return stand_in

    def _run(self, name: str, args: tuple[Any, ...]) -> Any:
        if self.fault is not None:
            raise _Stopped
        self.calls += 1
        # A copy: what the candidate does to its arguments cannot reach the check.
        found = self.call(self.source, name, copy.deepcopy(args))
        if found.fault is None and not plain(found.value):
            found = Called(fault="error", detail="the result is not of a plain type")
        if found.fault is not None:
            self.fault = found
            raise _Stopped
        return found.value


def judge(
    task: CodeTask,
    source: str,
    call: Call,
    call_many: CallMany | None = None,
    wanted: Sequence[Any] | None = None,
) -> Judged:
    """Run the check of `task` on the program `source`, which is only ever run by `call`.

    Inputs (HumanEval+) go through `call_many` where it is given: one message instead of hundreds.
    `wanted` are the known solution's results on them (`equal.expected`), for many programs of one
    task; without it they are computed here.
    Raises InputError where the task itself is broken: a check that does not run, or calls nothing.
    """
    if not source.strip():
        return Judged("failed", "no program")
    found = _checked(task, source, call) if task.check else Judged("passed")
    if not found.passed or not task.inputs:
        return found
    known = expected(task) if wanted is None else wanted
    rows = [copy.deepcopy(one) for one in task.inputs]
    if call_many is not None:
        results: Iterable[Called] = call_many(source, task.entry_point, rows)
    else:
        results = (call(source, task.entry_point, one) for one in rows)
    return _compared(task, results, known, found.calls)


def plain(value: Any, depth: int = 0) -> bool:
    """Whether a value and all in it are exactly of Python's own plain types, no subclasses."""
    if value is None or type(value) in {bool, int, float, complex, str, bytes}:
        return True
    if depth > 100:
        return False
    if type(value) in {list, tuple, set, frozenset}:
        return all(plain(one, depth + 1) for one in value)
    if type(value) is dict:
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return False


def _checked(task: CodeTask, source: str, call: Call) -> Judged:
    trial = _Trial(source, call)
    check = _check(task, trial)
    try:
        check(trial.function(task.entry_point))
    except _Stopped:
        return _judged(task, trial, "error", "")
    except AssertionError as error:
        return _judged(task, trial, "failed", str(error) or "a test does not hold")
    except Exception as error:  # the check could not use the results: a wrong type, mostly
        return _judged(task, trial, "failed", f"{type(error).__name__}: {error}")
    return _judged(task, trial, "passed", "")


def _judged(task: CodeTask, trial: _Trial, status: Status, detail: str) -> Judged:
    """A fault goes before whatever the check made of it."""
    if trial.fault is not None and trial.fault.fault is not None:
        return Judged(trial.fault.fault, trial.fault.detail[:SHOWN], trial.calls)
    if not trial.calls:
        raise InputError("experiment.code_no_tests", where=task.id)
    return Judged(status, detail[:SHOWN], trial.calls)


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
    own = program(task) if task.solution else task.prompt
    names = {task.entry_point, *called(task.check, own, helpers)} - helpers
    space.update({name: trial.function(name) for name in names})
    return check


def _compared(
    task: CodeTask, results: Iterable[Called], wanted: Sequence[Any], calls: int
) -> Judged:
    """Results on all inputs against those of the known solution; the first that differs ends it."""
    seen = 0
    for number, (found, known) in enumerate(zip(results, wanted, strict=False)):
        where, seen = f"input {number}", number + 1
        if found.fault is not None:
            return Judged(found.fault, f"{where}: {found.detail}"[:SHOWN], calls + seen)
        if not plain(found.value) or not right(task, number, found.value, known):
            return Judged("failed", f"{where}: another result", calls + seen)
    if seen < len(wanted):
        return Judged("limit", "the box gave fewer results than it was asked for", calls + seen)
    return Judged("passed", "", calls + seen)

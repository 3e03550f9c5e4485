"""Tests of generated code: `check(candidate)` runs out here, the candidate in a box.

For HumanEval, HumanEval+ and MBPP as they are published. The test sees a proxy under the name of
the function, so no object of the candidate's, with an `__eq__` of its own, ever meets the test.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import isclose
from typing import Any, Literal

from kamerton.sandbox.limits import Limit, Limits
from kamerton.sandbox.pool import Pool
from kamerton.sandbox.session import (
    CODE,
    BoxEnded,
    BrokenAnswer,
    CandidateError,
    Session,
    call,
    said,
)

Outcome = Literal["passed", "failed", "error", "timeout", "limit"]
Agree = Callable[[Sequence[Any], Any, Any], bool]
"""Arguments, what the reference gave, what the candidate gave: whether that is right."""


@dataclass(frozen=True)
class Job:
    """One candidate and the test that judges it."""

    source: str
    """The candidate's whole program: nobody trusts it."""
    test: str
    """Source that defines `check(candidate)`: of the benchmark, trusted."""
    entry_point: str
    """The function that is judged."""
    context: str = ""
    """Trusted source that the test may need, as the prompt with its helpers (HumanEval/32)."""
    also: tuple[str, ...] = ()
    """Further functions of the candidate's that the test calls (MBPP)."""


@dataclass(frozen=True)
class Checked:
    """The judge's word on one candidate."""

    outcome: Outcome
    """`timeout` where time ended it, `limit` where another limit did, `error` where it raised."""
    detail: str
    """The failed assertion, the error or the limit, in one line."""
    limit: Limit | None
    cpu_seconds: float
    """Of the box, its start included."""

    @property
    def passed(self) -> bool:
        """Whether the test has passed."""
        return self.outcome == "passed"


def check(job: Job, limits: Limits = CODE, pool: Pool | None = None) -> Checked:
    """Judge one candidate. Raises InputError where there is no sandbox.

    A test that cannot itself be run raises as Python does: that is no fault of the candidate's.
    """
    names = _test(job)
    with pool.take() if pool else Session(limits) as session:
        return _checked(session, *_judged(session, job, names))


def check_all(
    jobs: Iterable[Job], limits: Limits = CODE, workers: int = 0, pool: Pool | None = None
) -> Iterator[Checked]:
    """The judge's words, in the order of the jobs; `workers` boxes at a time, 0 for the cores."""
    count = workers or len(os.sched_getaffinity(0))
    waiting = iter(jobs)
    # Threads: the work is in the boxes. They outlive their boxes, which die with their thread.
    with ThreadPoolExecutor(count) as threads:
        running: deque[Future[Checked]] = deque(
            threads.submit(check, job, limits, pool) for job in islice(waiting, 2 * count)
        )
        while running:
            yield running.popleft().result()
            running.extend(threads.submit(check, j, limits, pool) for j in islice(waiting, 1))


def compare(
    source: str,
    reference: str,
    entry_point: str,
    inputs: Sequence[Sequence[Any]],
    agree: Agree,
    limits: Limits = CODE,
) -> Checked:
    """Judge a candidate by what a trusted reference returns for the same inputs (HumanEval+).

    The reference runs in a box of its own, with ten times the time. Raises ValueError where it
    has no answer.
    """
    calls = [(entry_point, arguments) for arguments in inputs]
    longer = Limits(cpu_seconds=10 * limits.cpu_seconds, output_bytes=64 * limits.output_bytes)
    wanted = call(reference, calls, longer)
    if wanted.error or any(result.error for result in wanted.results):
        first = next((result.error for result in wanted.results if result.error), wanted.error)
        raise ValueError(f"the reference of {entry_point} has no answer: {first}")
    expected = iter(zip(inputs, (result.value for result in wanted.results), strict=True))
    with Session(limits) as session:
        return _checked(session, *_compared(session, source, entry_point, expected, agree))


def close_enough(tolerance: float) -> Agree:
    """Equality; floats may differ by `tolerance`, or 1e-6 where it is 0, as in evalplus."""

    def agree(arguments: Sequence[Any], expected: Any, given: Any) -> bool:
        return _near(expected, given, tolerance or 1e-6)

    return agree


def _near(expected: Any, given: Any, tolerance: float) -> bool:
    if expected == given:
        return True
    if isinstance(expected, float) and isinstance(given, (int, float)):
        both_nan = expected != expected and given != given
        return both_nan or isclose(given, expected, rel_tol=1e-7, abs_tol=tolerance)
    if isinstance(expected, (list, tuple)) and type(expected) is type(given):
        pairs = zip(expected, given, strict=False)
        return len(expected) == len(given) and all(_near(e, g, tolerance) for e, g in pairs)
    return False


def _test(job: Job) -> dict[str, Any]:
    """The names of the test; the context's own are its helpers."""
    names: dict[str, Any] = {"__name__": "kamerton_test"}
    for text in (job.context, job.test):
        exec(compile(text, "<test>", "exec"), names)
    return names


def _judged(session: Session, job: Job, names: dict[str, Any]) -> tuple[Outcome, str]:
    test = names["check"]  # first: the candidate may be called so too (MBPP/56)
    for name in (job.entry_point, *job.also):
        names[name] = partial(_asked, session.call, name)

    def judge() -> None:
        _asked(session.load, job.source)
        test(names[job.entry_point])

    return _outcome(session, judge)


def _compared(
    session: Session,
    source: str,
    entry_point: str,
    expected: Iterator[tuple[Sequence[Any], Any]],
    agree: Agree,
) -> tuple[Outcome, str]:
    def judge() -> None:
        _asked(session.load, source)
        for arguments, wanted in expected:
            given = _asked(session.call, entry_point, *arguments)
            if not agree(arguments, wanted, given):
                raise AssertionError(f"{_short(arguments)}: {_short(wanted)} != {_short(given)}")

    return _outcome(session, judge)


class _Fault(BaseException):
    """An error of ours, on its way through a test that might swallow it."""


def _asked(ask: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """What the box answers; what goes wrong on our side is not held against the candidate."""
    try:
        return ask(*positional, **named)
    except CandidateError:
        raise
    except Exception as error:
        raise _Fault from error


def _outcome(session: Session, judge: Callable[[], None]) -> tuple[Outcome, str]:
    """What `judge` comes to: only its plain return, with a box that still lives, is a pass."""
    session.settle()
    try:
        judge()
    except _Fault as fault:
        raise fault.__cause__ or fault from None
    except BoxEnded:
        if session.limit in ("cpu", "wall"):
            return "timeout", session.limit
        return ("limit", session.limit) if session.limit else ("error", "the program has ended")
    except BrokenAnswer as error:
        return "error", f"no answer but {error}"
    except CandidateError as error:
        return ("limit", "memory") if error.kind == "MemoryError" else ("error", said(error))
    except AssertionError as error:
        return "failed", str(error)
    # A test that stumbles over what it was given (None + 1) has not passed.
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"[:500]
    # A test may have swallowed the end of the box with a bare `except`.
    return ("passed", "") if session.alive else ("error", "the program has ended")


def _checked(session: Session, outcome: Outcome, detail: str) -> Checked:
    """The judge's word, once the box has ended and its CPU time is known."""
    spent, limit = session.close().cpu_seconds, session.limit
    if outcome == "passed" and spent >= session.limits.cpu_seconds:
        outcome, detail, limit = "timeout", "cpu", "cpu"
    return Checked(outcome, detail, limit, spent)


def _short(value: Any) -> str:
    """The beginning of a value's text; an integer of many digits has none."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a long {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."

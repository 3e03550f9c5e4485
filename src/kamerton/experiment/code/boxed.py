"""A program of a model before its check: in a box of its own, the check out here.

`kamerton.sandbox` runs them and `code.judge` judges what comes back. Time is counted in CPU
seconds, since wall clocks change scores on slow machines (evalplus#5).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kamerton.experiment.code.judge import Called, Fault, Judged, judge
from kamerton.experiment.code.tasks import CodeTask
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


def boxed(
    task: CodeTask, source: str, limits: Limits = PROGRAMS, expected: Sequence[Any] | None = None
) -> Judged:
    """Judge one program in a box. `expected`: see `judge`.

    A program that passes but has used up its CPU seconds is a timeout. Raises InputError where
    there is no sandbox, with the command that installs it, or where the task is broken.
    """
    if not source.strip():
        return Judged("failed", "no program")
    with Session(limits) as session:
        judged = judge(task, source, _Candidate(session).call, expected)
        spent = session.close().cpu_seconds
    if judged.passed and spent >= limits.cpu_seconds:
        judged = Judged("timeout", "cpu", judged.calls)
    return replace(judged, cpu_seconds=spent)


class _Candidate:
    """A program in a box, loaded at its first call."""

    def __init__(self, session: Session) -> None:
        self._session, self._loaded = session, False

    def call(self, source: str, name: str, arguments: Sequence[Any]) -> Called:
        """What one call gives; faults of ours pass through as they are."""
        try:
            if not self._loaded:
                self._session.load(source)
                self._loaded = True
            return Called(self._session.call(name, *arguments))
        except CandidateError as error:
            if error.kind == "KeyError" and not error.line and str(error) == repr(name):
                return Called(fault="error", detail=f"NameError: the program defines no {name}")
            fault: Fault = "limit" if error.kind == "MemoryError" else "error"
            return Called(fault=fault, detail=error_line(error))
        except BoxEnded:
            limit = self._session.limit
            if limit is None:
                return Called(fault="error", detail="the program has ended")
            return Called(fault="timeout" if limit in {"cpu", "wall"} else "limit", detail=limit)
        except BrokenAnswer as error:
            return Called(fault="error", detail=f"no answer but {error}")

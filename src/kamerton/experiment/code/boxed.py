"""Programs of models before their checks: each in a box of its own, the check out here.

`kamerton.sandbox` runs them and `code.judge` judges what comes back. Time is counted in CPU
seconds, since wall clocks change scores on slow machines (evalplus#5).
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

from kamerton.experiment.code.judge import Called, Fault, Judged, expected_results, judge
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
AHEAD = 32
"""Trials under way for each box: one that runs into its limit must not keep the others waiting."""
Trial = tuple[CodeTask, str]
"""A task and a whole program, untrusted."""


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
        if judged.passed and session.close().cpu_seconds >= limits.cpu_seconds:
            return Judged("timeout", "cpu", judged.calls)
        return judged


def judge_all(
    trials: Iterable[Trial], limits: Limits = PROGRAMS, workers: int = 0
) -> Iterator[Judged]:
    """Judge programs, in their order, `workers` boxes at a time; 0 means one for each core.

    A few trials are taken ahead of what is yielded, so there may be any number of them.
    """
    count = workers or len(os.sched_getaffinity(0))
    expected: dict[str, list[Any]] = {}

    def start(threads: ThreadPoolExecutor, trial: Trial) -> Future[Judged]:
        task, source = trial
        if task.id not in expected:  # many samples of one task share the known solution's results
            expected[task.id] = expected_results(task) if task.inputs else []
        return threads.submit(boxed, task, source, limits, expected[task.id])

    waiting = iter(trials)
    # Threads: the work is in the boxes. They outlive their boxes, which die with their thread.
    threads = ThreadPoolExecutor(count)
    try:
        running = deque(start(threads, one) for one in islice(waiting, AHEAD * count))
        while running:
            yield running.popleft().result()
            running.extend(start(threads, one) for one in islice(waiting, 1))
    finally:
        threads.shutdown(cancel_futures=True)  # after Ctrl-C only the boxes that run are awaited


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

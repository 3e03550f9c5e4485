"""Programs judged side by side, each answer within bounds of its own.

A task's check runs on this side of the box, on values that the candidate chose: integers of one
hash make a set of them take hours, and an answer of 16 MiB is ten times as much in Python. So
worker processes judge, one program at a time, with limits on their own processor time and memory.
A worker that goes past them is replaced; its program is a `timeout` or a `limit`, and no other
answer is touched.
"""

import math
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock
from typing import Any

from kamerton.experiment.code.extract import program
from kamerton.experiment.code.judge import PROGRAMS, SHOWN, Judged, expected_results, judge
from kamerton.experiment.code.tasks import CodeTask
from kamerton.formats.errors import InputError
from kamerton.sandbox import Limits

JUDGE_SECONDS = 60.0
"""Processor seconds for the known solution and the comparison of all results of one program."""
JUDGE_MEMORY = 2 * 2**30
"""Bytes of address space of a worker."""
SLOWER = 4
"""How many times the known solution's processor time a program may take on the inputs of a task."""
_AHEAD = 32
"""Results for each worker that may wait for an earlier one."""
_LOOK = 0.5
"""Seconds between two looks at what the workers have used."""
_TASKS_KEPT = 8
_NAMED = 5
"""Tasks that a complaint names."""


@dataclass(frozen=True)
class Trial:
    """A whole program, untrusted, before the check of a task."""

    task: CodeTask
    source: str
    limits: Limits = PROGRAMS
    in_place: bool = False
    """Whether the check sees what the program does to its arguments."""


@dataclass
class _Worker:
    """A process that judges one program after another."""

    process: "subprocess.Popen[bytes]"
    connection: "Connection[Any, Any]"
    place: int = 0
    """Of the program that it judges now, in the order of all."""
    used: float = 0.0
    """Its processor seconds before that program."""

    def judge(self, place: int, trial: Trial) -> None:
        self.place, self.used = place, self.cpu_seconds()
        self.connection.send(trial)

    def cpu_seconds(self) -> float:
        """Of the worker itself, its boxes left out."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def overdue(self) -> bool:
        try:
            return self.cpu_seconds() - self.used > JUDGE_SECONDS
        except OSError:  # it has ended, and its connection says so
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


def solution(task: CodeTask, limits: Limits = PROGRAMS) -> Trial:
    """The known solution before its check, with the most time that a judge has."""
    return Trial(task, program(task), replace(limits, cpu_seconds=int(JUDGE_SECONDS)), True)


def solved(
    tasks: Sequence[CodeTask], limits: Limits = PROGRAMS, workers: int = 0
) -> Iterator[Trial]:
    """Each task's trial of an empty program, as its known solution shows that it must be judged.

    A program has four times the processor time that the known solution takes in a box, as in
    evalplus (Liu et al. 2023), where that is more than `limits` allow; and where the known solution
    changes its arguments, the check sees what is changed. Behind the last task InputError names
    those whose known solution does not pass: that is a fault of their checks.
    """
    unsolved: list[tuple[str, Judged]] = []
    for task, judged in zip(
        tasks, judge_all([solution(one) for one in tasks], workers), strict=True
    ):
        if not judged.passed and task.solution.strip():
            unsolved.append((task.id, judged))
        seconds = max(limits.cpu_seconds, math.ceil(SLOWER * judged.cpu_seconds))
        yield Trial(task, "", replace(limits, cpu_seconds=seconds), judged.changes)
    if unsolved:
        names = ", ".join(name for name, _ in unsolved[:_NAMED])
        more = "" if len(unsolved) <= _NAMED else f" + {len(unsolved) - _NAMED}"
        why = unsolved[0][1].detail or unsolved[0][1].status
        raise InputError("experiment.code_unsolved", where=names + more, why=why)


def judge_all(trials: Iterable[Trial], workers: int = 0) -> Iterator[Judged]:
    """Judge programs, in their order, `workers` at a time; 0 means one for each core.

    A few trials are taken ahead of what is yielded, so there may be any number of them. Raises
    InputError where there is no sandbox, or where a task is broken.
    """
    count = workers or len(os.sched_getaffinity(0))
    waiting = enumerate(trials)
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    results: dict[int, Judged] = {}
    given, more = 0, True
    try:
        while more or busy or results:
            while more and len(busy) < count and len(results) < _AHEAD * count:
                place, trial = next(waiting, (-1, None))
                if trial is None:
                    more = False
                    break
                worker = idle.pop() if idle else _started()
                worker.judge(place, trial)
                busy.append(worker)
            for worker, judged in _ended(busy):
                busy.remove(worker)
                results[worker.place] = judged
                if worker.process.poll() is None:
                    idle.append(worker)
            while given in results:
                yield results.pop(given)
                given += 1
    finally:
        for worker in (*idle, *busy):
            worker.end()


_WAITING: deque[Trial] = deque()
_LOCK = Lock()


def judge_one(trial: Trial) -> Judged:
    """Judge one program; its worker stays for the next."""
    with _LOCK:
        _WAITING.append(trial)
        return next(_kept())


@cache
def _kept() -> Iterator[Judged]:
    return judge_all(iter(_WAITING.popleft, None), 1)


def _started() -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "kamerton.experiment.code.workers", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
        )
    return _Worker(process, Connection(ours.detach()))


def _ended(busy: list[_Worker]) -> list[tuple[_Worker, Judged]]:
    """The workers that have judged, or were ended, since the last look."""
    ended = []
    ready = wait([worker.connection for worker in busy], _LOOK)
    for worker in list(busy):
        if worker.connection in ready:
            ended.append((worker, _reply(worker)))
        elif worker.overdue():
            worker.end()
            ended.append((worker, Judged("timeout", "its results take too long to compare")))
    return ended


def _reply(worker: _Worker) -> Judged:
    try:
        reply = worker.connection.recv()
    except (EOFError, OSError):
        worker.end()
        return Judged("limit", "its results take too much memory to compare")
    if isinstance(reply, Judged):
        return reply
    key, where, values = reply
    raise InputError(key, where=where, **values)


def _work(connection: "Connection[Any, Any]") -> None:
    """Judge what comes, until nothing more comes."""
    expected: OrderedDict[str, list[Any]] = OrderedDict()
    while True:
        try:
            trial = connection.recv()
        except EOFError:
            return
        task = trial.task
        try:
            if task.id not in expected:  # once for the many samples of a task
                expected[task.id] = expected_results(task) if task.inputs else []
                while len(expected) > _TASKS_KEPT:
                    expected.popitem(last=False)
            reply: object = judge(
                task, trial.source, trial.limits, expected[task.id], trial.in_place
            )
        except InputError as error:
            reply = (error.key, error.where, {n: str(v) for n, v in error.values.items()})
        except MemoryError:
            reply = Judged("limit", "memory")
        except Exception as error:  # of values that only this program has given
            reply = Judged("failed", f"{type(error).__name__}: {error}"[:SHOWN])
        connection.send(reply)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    # The soft limit alone: boxes have limits of their own.
    resource.setrlimit(
        resource.RLIMIT_AS, (JUDGE_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1])
    )
    _work(Connection(int(sys.argv[1])))

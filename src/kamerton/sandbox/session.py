"""Functions of untrusted code, called from outside its box: JSON requests in, JSON replies out.

The box holds the candidate and the arguments, nothing that is worth reading. Whatever it answers
is data; a candidate that writes to the channel itself has only given another answer.
"""

import json
import marshal
import os
import select
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any

from kamerton.formats.errors import InputError
from kamerton.sandbox.box import Box, Usage
from kamerton.sandbox.limits import Limit, Limits
from kamerton.sandbox.program import require
from kamerton.sandbox.python import interpreter
from kamerton.sandbox.wire import read, write

CODE = Limits(processes=4)
"""The limits of generated functions."""
_PIECE = 65536
_START = "import marshal, sys\nfor t in sys.argv[2:]: exec(marshal.loads(bytes.fromhex(t)))"
# What a test may expect to be raised. StopIteration is none of them: it would end a loop of the
# test in silence; nor is AssertionError, which is the test's own word.
_RAISED: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    EOFError,
    FileNotFoundError,
    IndexError,
    KeyError,
    LookupError,
    NameError,
    NotImplementedError,
    OSError,
    OverflowError,
    PermissionError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TimeoutError,
    TypeError,
    UnicodeError,
    ValueError,
    ZeroDivisionError,
)


class CandidateError(Exception):
    """The candidate raised, or answered what is no builtin value."""

    kind: str = ""
    """The name of the error's type, as the candidate gave it."""
    line: int = 0
    """The candidate's line, from 1; 0 where it is not known."""


class BoxEnded(BaseException):
    """The box is gone. No Exception, so that a test which expects one does not take it for it."""


class BrokenAnswer(BaseException):
    """The box has answered something that is no answer."""


class Session:
    """A box with a candidate in it, whose functions can be called one after another."""

    def __init__(self, limits: Limits = CODE) -> None:
        """Put up a box. Raises InputError where there is no sandbox."""
        require()
        self.limits = limits
        arguments = interpreter().command("-c", _START, str(limits.output_bytes), *_worker())
        self.box = Box(arguments, limits, stdin=subprocess.PIPE)
        self._rest = b""
        self._broken: Limit | None = None
        self._over = False
        self._waited = 0.0
        self._settled = False
        try:
            self._ask(["load", ""])  # its answer says that the box is up
        except BoxEnded as error:
            raise InputError("sandbox.died", why=self._broken or "exit code") from error

    def __enter__(self) -> "Session":
        """The box is there as soon as the session is."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The box is gone."""
        self.close()

    def load(self, source: str) -> None:
        """Run the candidate's source. Raises CandidateError, BoxEnded or BrokenAnswer.

        The wall clock starts here, and goes on while the box is waited for.
        """
        self.settle()
        self._waited = 0.0
        self._ask(["load", source])
        self._answer()

    def settle(self) -> None:
        """Wait until the box is up.

        Raises InputError where it ends before any candidate has been in it: that is our fault or
        the machine's, and must not be counted as a candidate's.
        """
        if self._settled:
            return
        self._waited = 0.0
        try:
            self._answer()
        except (BoxEnded, BrokenAnswer, CandidateError) as error:
            why = f"{self._broken or error or 'exit code'} {self.close().exit}"
            raise InputError("sandbox.died", why=why) from error
        self._settled = True

    def call(self, name: str, *positional: Any, **named: Any) -> Any:
        """What the function `name` returns, of builtin types. Raises as `load` does."""
        room = 64 * self.limits.output_bytes
        texts = [write(part, json.dumps, room) for part in (list(positional), named)]
        self._send(f'["call",{json.dumps(name)},{",".join(texts)}]\n'.encode())
        return self._answer()

    def close(self) -> Usage:
        """End the box, and say what it has spent."""
        return self.box.end(kill=True)

    @property
    def limit(self) -> Limit | None:
        """The limit that ended the box; None while it lives, or where it ended by itself."""
        return self._broken

    @property
    def alive(self) -> bool:
        """Whether the box has neither ended nor been ended."""
        return not self._over

    def _ask(self, request: list[Any]) -> None:
        self._send(json.dumps(request).encode() + b"\n")

    def _send(self, data: bytes) -> None:
        """Write a request. The box reads while we write, so only a dead or stuck one stops us."""
        stream = self.box.process.stdin
        if stream is None or stream.closed:
            raise BoxEnded
        os.set_blocking(stream.fileno(), False)
        while data:
            self._wait(stream.fileno(), select.POLLOUT)
            try:
                data = data[os.write(stream.fileno(), data[:_PIECE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                self._gone()

    def _answer(self) -> Any:
        """The value of the next answer."""
        try:
            # float("NaN") is no JSON: such a text is a broken answer.
            answer = json.loads(self._line(), parse_constant=int)
            if "value" in answer:
                return read(answer["value"])
            kind, text, line = answer["error"]
            # Of the builtin type of that name too, where a test may expect it.
            raised = _types().get(str(kind), CandidateError)(str(text))
            raised.kind, raised.line = str(kind), int(line)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError, MemoryError) as why:
            self._over = True
            raise BrokenAnswer(str(why)) from why
        raise raised

    def _line(self) -> bytes:
        stream = self.box.process.stdout
        if stream is None or stream.closed:
            raise BoxEnded
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            self._wait(stream.fileno(), select.POLLIN)
            pieces.append(os.read(stream.fileno(), _PIECE))
            if not pieces[-1]:
                self._gone()
            if sum(map(len, pieces)) > self.limits.output_bytes + 4096:
                self._gone("output")
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def _wait(self, descriptor: int, event: int) -> None:
        """Wait until the box can be read or written, as long as its limits let us."""
        if not self._happens(descriptor, event):
            self._gone("cpu" if self.box.past_cpu else "wall")

    def _happens(self, descriptor: int, event: int) -> bool:
        """Whether the event comes before the box's time is up."""
        poll = select.poll()
        poll.register(descriptor, event)
        before, start = self._waited, time.monotonic()
        while left := self.box.time_left(self._waited):
            happened = poll.poll(max(1.0, left * 1000))
            # Only what the box takes: it stands still while we compare, or wait for a processor.
            self._waited = before + time.monotonic() - start
            if happened:
                return True
        return False

    def _gone(self, limit: Limit | None = None) -> None:
        """The box is at its end, or is brought to it."""
        self._over = True
        if limit is None and not self._ended():
            limit = "cpu" if self.box.past_cpu else "wall"
        self.box.end(kill=limit is not None)
        self._broken = limit or self.box.limit()
        raise BoxEnded(self._broken or "")

    def _ended(self) -> bool:
        """Whether a box that closed its channel ends in time: it may have done so to sleep."""
        ended = os.pidfd_open(self.box.process.pid)
        try:
            return self._happens(ended, select.POLLIN)
        finally:
            os.close(ended)


def error_line(error: CandidateError) -> str:
    """An error of the candidate's in one line."""
    where = f" (line {error.line})" if error.line else ""
    return f"{error.kind}: {error}{where}"


@cache
def _types() -> Mapping[str, type[CandidateError]]:
    return {
        kind.__name__: type(kind.__name__, (CandidateError, kind), {"__str__": Exception.__str__})
        for kind in _RAISED
    }


@cache
def _worker() -> tuple[str, str]:
    """The program of a box, compiled here: the box has the same Python, and starts sooner."""
    here = files("kamerton.sandbox")
    texts = {name: (here / name).read_text("utf-8") for name in ("wire.py", "worker.py")}
    codes = (compile(text, f"<{name}>", "exec", dont_inherit=True) for name, text in texts.items())
    wire, worker = (marshal.dumps(code).hex() for code in codes)
    return wire, worker

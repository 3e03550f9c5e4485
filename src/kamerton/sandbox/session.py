"""Functions of untrusted code, called from outside its box: JSON requests in, JSON replies out.

Functions that are given as arguments are called back on this side, with what the candidate gives
them.

The box holds the candidate and the arguments, nothing that is worth reading. Whatever it answers
is data; a candidate that writes to the channel itself has only given another answer.
"""

import json
import marshal
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any

from kamerton.formats.errors import InputError
from kamerton.sandbox.box import Box, Usage
from kamerton.sandbox.held import CandidateError, Held, error_type, hold, stand_in, update
from kamerton.sandbox.limits import Limit, Limits
from kamerton.sandbox.program import require
from kamerton.sandbox.python import interpreter
from kamerton.sandbox.wire import NotWritable, read, write

CODE = Limits(processes=4)
"""The limits of generated functions."""
_PIECE = 65536
_NO_ANSWER = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(RecursionError, MemoryError),
)
"""What is raised where an answer is of another form."""
_START = "import marshal, sys\nfor t in sys.argv[2:]: exec(marshal.loads(bytes.fromhex(t)))"


class BoxEnded(BaseException):
    """The box is gone. No Exception, so that a test which expects one does not take it for it."""


class BrokenAnswer(BaseException):
    """The box has answered something that is no answer."""


class Session:
    """A box with a candidate in it, whose functions can be called one after another."""

    def __init__(self, limits: Limits = CODE, changes_wanted: bool = False) -> None:
        """Put up a box. Raises InputError where there is no sandbox.

        `changes_wanted`: whether a function that changes its arguments changes them here too.
        """
        require()
        self.limits, self.changes_wanted = limits, changes_wanted
        self.calls = 0
        self.unsent = ""
        """Why an argument could not go into the box."""
        self.changed = False
        """Whether any argument was changed."""
        self.error: CandidateError | None = None
        """What the last operation raised."""
        self.declared: dict[str, type[CandidateError]] = {}
        """Types of errors that the candidate defines, as a test names them."""
        self._held: dict[tuple[str, Any], Any] = {}
        self._given: list[Callable[..., Any]] = []
        arguments = interpreter().command("-c", _START, str(limits.output_bytes), *_worker())
        self.box = Box(arguments, limits, stdin=subprocess.PIPE)
        self._rest = b""
        self._broken: Limit | None = None
        self._over = False
        self._waited = 0.0
        self._settled = False
        try:
            self._send(b'["load",["",""],{"dict":[]},false]\n')  # its answer says that it is up
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

    def load(self, source: str, name: str = "") -> None:
        """Run the candidate's source, which has to define `name`.

        Raises CandidateError, BoxEnded or BrokenAnswer. The wall clock starts here, and goes on
        while the box is waited for.
        """
        self.settle()
        self._waited = 0.0
        self.ask("load", source, name)

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

    def function(self, name: str) -> Held:
        """A stand-in for what the candidate calls `name`."""
        return Held(self.ask, name)

    def call(self, name: str, /, *positional: Any, **named: Any) -> Any:
        """What the function `name` returns. Raises as `load` does."""
        return self.function(name)(*positional, **named)

    def ask(self, operation: str, /, *positional: Any, **named: Any) -> Any:
        """The result of an operation in the box."""
        self.calls += operation != "load"
        self.error = None
        try:
            texts = ",".join(self._written(part) for part in (list(positional), named))
        except NotWritable as why:
            self.unsent = f"an argument: {why}"
            raise
        changes = json.dumps(self.changes_wanted)
        self._send(f'["{operation}",{texts},{changes}]\n'.encode())
        return self._answer(positional)

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

    def _written(self, value: Any) -> str:
        room = 64 * self.limits.output_bytes
        return write(value, json.dumps, room, lambda one: hold(one, self._given))

    def _taken(self, tag: str, place: Any) -> Any:
        """What is held in the box, the same stand-in whenever it comes out."""
        if (tag, place) not in self._held:
            self._held[tag, place] = stand_in(self.ask, tag, place)
        return self._held[tag, place]

    def _answer(self, given: Sequence[Any] = ()) -> Any:
        """The value of the next answer, when all calls back are done that come before it.

        `given`: the arguments, which may have been changed, or be the answer.
        """
        while True:
            raised: CandidateError | None = None
            try:
                # float("NaN") is no JSON: such a text is a broken answer.
                answer = json.loads(self._line(), parse_constant=int)
                if "call" in answer:
                    place, *arguments = answer["call"]
                    function = self._given[place]
                    positional, named = read(arguments, self._taken)
                elif "error" in answer:
                    raised = self.error = self._raised(*answer["error"])
                elif self.changes_wanted:
                    return self._changed(answer, given)
                else:
                    return read(answer["value"], self._taken)
            except _NO_ANSWER as why:
                self._over = True
                raise BrokenAnswer(str(why)) from why
            if raised is not None:
                raise raised
            self._call_back(function, positional, named)

    def _changed(self, answer: dict[str, Any], given: Sequence[Any]) -> Any:
        """The value of an answer; what it has changed of the arguments is changed here too."""
        if "changed" in answer:
            self.changed = True
            for old, new in zip(given, read(answer["changed"], self._taken), strict=True):
                update(old, new)
        if "argument" in answer:
            return given[answer["argument"]]
        return read(answer["value"], self._taken)

    def _raised(
        self, kinds: list[str], text: str, line: int, arguments: list[Any]
    ) -> CandidateError:
        """The candidate's error, of a type that a test may expect."""
        made_of = error_type([str(kind) for kind in kinds], self.declared)
        raised = made_of(*read(arguments))
        raised.kind, raised.text, raised.line = str(kinds[0]), str(text), int(line)
        return raised

    def _call_back(self, function: Callable[..., Any], positional: Any, named: Any) -> None:
        """Call a function of this side for the candidate, and hand it the result."""
        try:
            result = f'["result",{self._written(function(*positional, **named))}]\n'
        except Exception as error:
            try:
                arguments = self._written(list(error.args))
            except NotWritable:
                arguments = json.dumps([str(error)])
            result = f'["raise","{type(error).__name__}",{arguments}]\n'
        self._send(result.encode())

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
def _worker() -> tuple[str, str]:
    """The program of a box, compiled here: the box has the same Python, and starts sooner."""
    here = files("kamerton.sandbox")
    texts = {name: (here / name).read_text("utf-8") for name in ("wire.py", "worker.py")}
    codes = (compile(text, f"<{name}>", "exec", dont_inherit=True) for name, text in texts.items())
    wire, worker = (marshal.dumps(code).hex() for code in codes)
    return wire, worker

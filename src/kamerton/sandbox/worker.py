"""The worker inside a box; nothing it says is trusted once a candidate has been loaded.

`wire.py` and this file are run one after the other as one program. Requests come in line by line
on stdin, as JSON: an operation, its arguments, and whether changes of them are wanted. One line of
JSON goes back for each: `{"value": ...}` or `{"error": [types, message, line, arguments]}`; before
it may come `{"call": [place, arguments, named]}`, for a function that was given, whose result is
then the next line that comes in.
The candidate may read and write that channel too: it can only give answers, and an answer is data
that the judge outside compares.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from kamerton.sandbox.wire import read, write


def _parser() -> tuple[Any, Any]:
    """A parser and a quoter of JSON: CPython's own parts where they are, for a quicker start."""
    try:
        from _json import encode_basestring_ascii, make_scanner
    except ImportError:
        import json

        return json.loads, json.dumps

    class Settings:
        strict, object_hook, object_pairs_hook = True, None, None
        parse_float, parse_int, parse_constant = float, int, float
        memo: dict[str, str] = {}

    settings: Any = Settings()
    scan = make_scanner(settings)
    return lambda text: scan(text, 0)[0], encode_basestring_ascii


class Worker:
    """The candidate, what is held of it, and the channel."""

    def __init__(self, requests: Iterator[bytes], answers: int, room: int) -> None:
        self.parse, self.quote = _parser()
        self.requests, self.answers, self.room = requests, answers, room
        module = type(sys)("candidate")
        sys.modules["candidate"] = module
        self.names = module.__dict__
        self.held: list[Any] = []
        self.places: dict[int, int] = {}

    def serve(self, request: Any) -> None:
        """Answer one request."""
        try:
            answer = self.answer(*request)
        except BaseException as error:
            answer = self.error(error)
        self.send(answer)

    def answer(self, operation: str, positional: Any, named: Any, changes: bool) -> str:
        """Do what is asked. With `changes`, arguments that are other values now come back."""
        given = read(positional, self.take)
        before = self.write(given) if changes else ""
        value = _OPERATIONS[operation](self, *given, **read(named, self.take))
        if not changes:
            return f'{{"value":{self.write(value)}}}'
        places = [n for n, one in enumerate(given) if one is value and type(one) in _CHANGEABLE]
        text = f'{{"argument":{places[0]}}}' if places else f'{{"value":{self.write(value)}}}'
        after = self.write(given)
        return text if after == before else f'{text[:-1]},"changed":{after}}}'

    def load(self, source: str, name: str) -> None:
        """Run the candidate's source, and see that it defines `name`."""
        exec(compile(source, "<candidate>", "exec"), self.names)
        if name and name not in self.names:
            raise NameError(f"the program defines no {name}")

    def write(self, value: Any) -> str:
        """A value as JSON."""
        return write(value, self.quote, self.room, self.hold)

    def hold(self, value: Any) -> str:
        """The place of an object that stays here, the same whenever it is met."""
        place = self.places.get(id(value))
        if place is None:
            place = self.places[id(value)] = len(self.held)
            self.held.append(value)
        tag = "coroutine" if type(value).__name__ == "coroutine" else "held"
        return f'{{"{"lazy" if hasattr(type(value), "__next__") else tag}":{place}}}'

    def take(self, tag: str, held: Any) -> Any:
        """What is held here, what the candidate calls so, or a function that was given."""
        if tag == "given":
            return self.given(held)
        if tag == "named":
            found = __import__(held[0], fromlist=["*"])
            for part in held[1].split("."):
                found = getattr(found, part)
            return found
        return self.names[held] if isinstance(held, str) else self.held[held]

    def given(self, place: int) -> Callable[..., Any]:
        """A function of the other side."""

        def function(*positional: Any, **named: Any) -> Any:
            arguments = ",".join(self.write(part) for part in (list(positional), named))
            self.send(f'{{"call":[{place},{arguments}]}}')
            for line in self.requests:
                request = self.parse(line.decode())
                if request[0] == "result":
                    return read(request[1], self.take)
                if request[0] == "raise":
                    kind = getattr(sys.modules["builtins"], request[1], Exception)
                    raise kind(*read(request[2], self.take))
                self.serve(request)

        return function

    def error(self, error: BaseException) -> str:
        """The types of an error, its text and the candidate's line, all of it only to be shown."""
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<candidate>":
                line = trace.tb_lineno
            trace = trace.tb_next
        try:
            text = arguments = ""
            text = str(error)[:500]
            arguments = write(list(error.args), self.quote, 2000)
        except BaseException:
            arguments = f"[{self.quote(text)}]"
        kinds = ",".join(self.quote(kind.__name__[:100]) for kind in type(error).__mro__[:-1])
        return f'{{"error":[[{kinds}],{self.quote(text)},{line},{arguments}]}}'

    def send(self, text: str) -> None:
        """Put a line on the channel."""
        data = text.encode() + b"\n"
        while data:
            data = data[os.write(self.answers, data) :]


def _next(worker: Worker, iterator: Any, sent: Any) -> list[Any]:
    """Whether there is a further item, and it; else what a generator returned."""
    try:
        return [True, next(iterator) if sent is None else iterator.send(sent)]
    except StopIteration as end:
        return [False, end.value]


def _awaited(worker: Worker, coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)


def _set_item(worker: Worker, held: Any, key: Any, value: Any) -> None:
    held[key] = value


_CHANGEABLE = (list, dict, set, bytearray)
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "load": Worker.load,
    "call": lambda worker, function, *given, **named: function(*given, **named),
    "next": _next,
    "await": _awaited,
    "get": lambda worker, held, name: getattr(held, name),
    "set": lambda worker, held, name, value: setattr(held, name, value),
    "item": lambda worker, held, key: held[key],
    "set item": _set_item,
    "length": lambda worker, held: len(held),
    "iterator": lambda worker, held: iter(held),
    "truth": lambda worker, held: bool(held),
    "text": lambda worker, held: str(held),
    "code": lambda worker, held: repr(held),
    "enter": lambda worker, held: type(held).__enter__(held),
    "exit": lambda worker, held: type(held).__exit__(held, None, None, None),
}


def main() -> None:
    """Keep the channel apart from what the candidate prints, and serve."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    worker = Worker(requests, answers, int(sys.argv[1]))
    for line in worker.requests:
        worker.serve(worker.parse(line.decode()))
    # Threads and exit handlers of the candidate have no more to say.
    os._exit(0)


if __name__ == "__main__":
    main()

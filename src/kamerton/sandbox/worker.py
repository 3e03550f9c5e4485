"""The worker inside a box; nothing it says is trusted once a candidate has been loaded.

`wire.py` and this file are run one after the other as one program. Requests come in line by line
on stdin, as JSON; one line of JSON goes back for each: `{"value": ...}` or
`{"error": [type, message, line]}`.
The candidate may read and write that channel too: it can only give answers, and an answer is data
that the judge outside compares.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kamerton.sandbox.wire import NotWritable, read, write


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


def serve(requests: Any, answers: int, room: int) -> None:
    """Answer requests until there are no more."""
    parse, quote = _parser()
    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    for line in requests:
        try:
            value = _execute(parse(line.decode()), module.__dict__)
            answer = '{"value":' + write(value, quote, room) + "}"
        except BaseException as error:
            answer = _error_reply(error, quote)
        _send(answers, answer.encode() + b"\n")


def _execute(request: Any, names: dict[str, Any]) -> Any:
    if request[0] == "load":
        exec(compile(request[1], "<candidate>", "exec"), names)
        return None
    _, name, positional, named = request
    return names[name](*read(positional), **read(named))


def _error_reply(error: BaseException, quote: Any) -> str:
    """The type of an error, its text and the candidate's line, all of it only to be shown."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)[:500]
    except BaseException:
        text = ""
    kind = "NotWritable" if isinstance(error, NotWritable) else type(error).__name__[:100]
    return f'{{"error":[{quote(kind)},{quote(text)},{line}]}}'


def _send(answers: int, data: bytes) -> None:
    while data:
        data = data[os.write(answers, data) :]


def main() -> None:
    """Keep the channel apart from what the candidate prints, and serve."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    serve(requests, answers, int(sys.argv[1]))
    # Threads and exit handlers of the candidate have no more to say.
    os._exit(0)


if __name__ == "__main__":
    main()

"""Any program in a box of its own: what it says, how it ends, what it has spent."""

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.sandbox.box import Box
from kamerton.sandbox.limits import Ended, Limit, Limits
from kamerton.sandbox.python import interpreter

PROGRAM = "/box/program"
"""Where a program lies that is brought into its box."""
_PIECE = 65536
# Process 1 ignores signals that it does not handle. A shell takes that place, so that a program
# which aborts or is killed ends as it would elsewhere; the shell adds "Killed" to its stderr.
_FIRST = ("/bin/sh", "-c", '"$@"; exit $?', "sh")


def available() -> bool:
    """Whether there is a sandbox here; `require` says what is missing."""
    try:
        require()
    except InputError:
        return False
    return True


@cache
def require() -> None:
    """Raise InputError, with the command that helps, where no box can be put up."""
    ended = _run(["/usr/bin/true"], Limits(cpu_seconds=2, wall_seconds=20))
    if ended.exit != 0:
        why = ended.stderr.strip() or f"exit code {ended.exit}"
        raise InputError("sandbox.refused", why=why)


def run(
    program: Sequence[str],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    files: Mapping[str, bytes] | None = None,
    stdin: bytes = b"",
) -> Ended:
    """Run a command line in a box.

    `files`: path in the box to content, readable and executable. Raises InputError where there is
    no sandbox; whatever the program does is no error.
    """
    require()
    return _run(program, limits, files, stdin)


def _run(
    program: Sequence[str],
    limits: Limits,
    files: Mapping[str, bytes] | None = None,
    stdin: bytes = b"",
) -> Ended:
    given = os.memfd_create("stdin")
    with os.fdopen(given, "w+b") as stream:
        stream.write(stdin)
        stream.seek(0)
        box = Box([*_FIRST, *program], limits, files, given, subprocess.PIPE)
    try:
        heard = _listen(box)
    except BaseException:
        box.end(kill=True)
        raise
    return _ended(box, heard)


def run_file(path: Path, limits: Limits = Limits()) -> Ended:  # noqa: B008 - frozen
    """Run a file in a box: a program of its own (ELF, or `#!`), else Python.

    Raises InputError where the file is missing or there is no sandbox.
    """
    if not path.is_file():
        raise InputError("formats.file_missing", where=str(path))
    content = path.read_bytes()
    alone = content.startswith((b"\x7fELF", b"#!")) and path.suffix != ".py"
    program = [PROGRAM] if alone else interpreter().command(PROGRAM)
    return run(program, limits, {PROGRAM: content})


@dataclass
class _Heard:
    """What has come out of a box so far."""

    texts: dict[str, bytearray] = field(
        default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()}
    )
    limit: Limit | None = None


def _listen(box: Box) -> _Heard:
    """Read both outputs until the program ends, or says too much, or takes too long."""
    heard = _Heard()
    until = box.started + box.limits.wall
    with selectors.DefaultSelector() as selector:
        ended = os.pidfd_open(box.process.pid)
        selector.register(ended, selectors.EVENT_READ, None)
        for name, stream in (("stdout", box.process.stdout), ("stderr", box.process.stderr)):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ, name)
        try:
            _follow(box, selector, heard, until)
        finally:
            os.close(ended)
    return heard


def _follow(box: Box, selector: selectors.BaseSelector, heard: _Heard, until: float) -> None:
    while selector.get_map():
        events = selector.select(max(0.0, until - time.monotonic()))
        if not events:
            heard.limit = "wall"
            return
        ready = [(key.data, key.fd) for key, _ in events]
        for name, stream in ready:
            if name is None and len(ready) > 1:
                continue  # what it said last comes first
            if name is None:
                return
            if not _hear(heard.texts[name], stream):
                selector.unregister(stream)
            if len(heard.texts[name]) > box.limits.output_bytes:
                heard.limit = "output"
                return


def _hear(text: bytearray, stream: int) -> bool:
    """Read a piece; False at the end."""
    piece = os.read(stream, _PIECE)
    text += piece
    return bool(piece)


def _ended(box: Box, heard: _Heard) -> Ended:
    spent = box.end(kill=heard.limit is not None)
    room = box.limits.output_bytes
    out, err = (bytes(heard.texts[name][:room]).decode("utf-8", "replace") for name in heard.texts)
    limit = heard.limit or box.limit()
    if limit is None and spent.exit != 0 and err.rstrip().endswith("MemoryError"):
        limit = "memory"
    took = time.monotonic() - box.started
    return Ended(spent.exit, out, err, spent.cpu_seconds, took, limit)

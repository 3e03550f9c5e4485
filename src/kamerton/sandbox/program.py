"""Any program in a box of its own: its output, how it ended, what it used."""

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
from kamerton.sandbox.limits import Completed, Limit, Limits
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
) -> Completed:
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
) -> Completed:
    given = os.memfd_create("stdin")
    with os.fdopen(given, "w+b") as stream:
        stream.write(stdin)
        stream.seek(0)
        box = Box([*_FIRST, *program], limits, files, given, subprocess.PIPE)
    try:
        output = _read_output(box)
    except BaseException:
        box.end(kill=True)
        raise
    return _completed(box, output)


def run_file(path: Path, limits: Limits = Limits()) -> Completed:  # noqa: B008 - frozen
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
class _Output:
    """What has come out of a box so far."""

    texts: dict[str, bytearray] = field(
        default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()}
    )
    limit: Limit | None = None


def _read_output(box: Box) -> _Output:
    """Read both outputs until the program ends, or says too much, or takes too long."""
    output = _Output()
    with selectors.DefaultSelector() as selector:
        ended = os.pidfd_open(box.process.pid)
        selector.register(ended, selectors.EVENT_READ, None)
        for name, stream in (("stdout", box.process.stdout), ("stderr", box.process.stderr)):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ, name)
        try:
            _read_until(box, selector, output)
        finally:
            os.close(ended)
    return output


def _read_until(box: Box, selector: selectors.BaseSelector, output: _Output) -> None:
    while selector.get_map():
        left = box.time_left(time.monotonic() - box.started)
        ready = [(key.data, key.fd) for key, _ in selector.select(left)]
        if not left and all(name for name, _ in ready):
            output.limit = "cpu" if box.past_cpu else "wall"
            return
        for name, stream in ready:
            if name is None and len(ready) > 1:
                continue  # what it said last comes first
            if name is None:
                return
            if not _read_piece(output.texts[name], stream):
                selector.unregister(stream)
            if len(output.texts[name]) > box.limits.output_bytes:
                output.limit = "output"
                return


def _read_piece(text: bytearray, stream: int) -> bool:
    """Read a piece; False at the end."""
    piece = os.read(stream, _PIECE)
    text += piece
    return bool(piece)


def _completed(box: Box, output: _Output) -> Completed:
    spent = box.end(kill=output.limit is not None)
    room = box.limits.output_bytes
    out, err = (
        bytes(output.texts[name][:room]).decode("utf-8", "replace") for name in output.texts
    )
    limit = output.limit or box.limit()
    if limit is None and spent.exit != 0 and err.rstrip().endswith("MemoryError"):
        limit = "memory"
    took = time.monotonic() - box.started
    return Completed(spent.exit, out, err, spent.cpu_seconds, took, limit)

"""Any program in a box of its own: its output, how it ended, what it used."""

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.sandbox.box import Box, memory_file
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
    given = memory_file(stdin)
    try:
        box = Box([*_FIRST, *program], limits, files, given, subprocess.PIPE)
    finally:
        os.close(given)
    output = {"stdout": bytearray(), "stderr": bytearray()}
    try:
        limit = _read(box, output)
        spent = box.end(kill=limit is not None)
    except BaseException:
        box.end(kill=True)
        raise
    out, err = (
        bytes(text[: limits.output_bytes]).decode("utf-8", "replace") for text in output.values()
    )
    limit = limit or box.limit()
    if limit is None and spent.exit != 0 and err.rstrip().endswith("MemoryError"):
        limit = "memory"
    took = time.monotonic() - box.started
    return Completed(spent.exit, out, err, spent.cpu_seconds, took, limit)


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


def _read(box: Box, output: Mapping[str, bytearray]) -> Limit | None:
    """Read both outputs until the program ends, or says too much, or takes too long."""
    ended = os.pidfd_open(box.process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ, None)
            for name, stream in (("stdout", box.process.stdout), ("stderr", box.process.stderr)):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ, name)
            while True:
                left = box.time_left(time.monotonic() - box.started)
                ready = {key.data: key.fd for key, _ in selector.select(left)}
                if not left and None not in ready:
                    return "cpu" if box.past_cpu else "wall"
                if list(ready) == [None]:  # what it said last comes first
                    return None
                for name in [name for name in output if name in ready]:
                    piece = os.read(ready[name], _PIECE)
                    output[name].extend(piece)
                    if not piece:
                        selector.unregister(ready[name])
                    if len(output[name]) > box.limits.output_bytes:
                        return "output"
    finally:
        os.close(ended)

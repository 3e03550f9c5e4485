"""Lines of a file, plain or packed with gzip, none longer than a limit."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from kamerton.formats.errors import InputError

LINE_LIMIT = 64 * 1024**2
"""Most bytes of one line, and most characters of one cell of a CSV."""


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in `.gz`."""
    packed = path.suffix.lower() == ".gz"
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def numbered(stream: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers (from 1) and bytes of the lines, their ends on.

    InputError where one is longer than `LINE_LIMIT`: no more than that was read of it.
    """
    number = 0
    while line := stream.readline(LINE_LIMIT + 1):
        number += 1
        _check(len(line), path, number)
        yield number, line


def numbered_utf16(stream: IO[bytes], path: Path) -> Iterator[tuple[int, str]]:
    """The same of a file in UTF-16 with a byte order mark, whose lines no single byte parts."""
    text, number = io.TextIOWrapper(stream, "utf-16", newline=""), 0
    try:
        while line := text.readline(LINE_LIMIT + 1):
            number += 1
            _check(len(line), path, number)
            yield number, line
    except UnicodeDecodeError as error:
        raise damaged(error, "utf-16", f"{path}:{number + 1}") from error


def decoded(line: bytes, charset: str, where: str) -> str:
    """One line's text; InputError at `where` with the byte that is not of this charset."""
    try:
        return line.decode(charset)
    except UnicodeDecodeError as error:
        raise damaged(error, charset, where) from error


def damaged(error: UnicodeDecodeError, charset: str, where: str) -> InputError:
    """What is said of bytes that the charset of their file does not have."""
    return InputError("documents.damaged", where=where, charset=charset, byte=error.start)


def _check(length: int, path: Path, number: int) -> None:
    if length > LINE_LIMIT:
        raise InputError("documents.long_line", where=f"{path}:{number}", limit=LINE_LIMIT)

"""Runs that work, or were stopped: `runs/<recipe>/.working-<process>`, until they are finished."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_MARK = ".working-"


class Working(BaseModel):
    """What a run is made of while it has no folder of its own yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: str
    """Name of the recipe."""
    stages: dict[str, str]
    """Name of each stage that this run may touch to its folder, relative to all runs', in order."""
    base: str = ""
    """The base model as the recipe names it; empty where none is trained."""
    since: float = Field(default_factory=time.time)
    """Seconds since 1970."""


@contextmanager
def working(root: Path, record: Working) -> Iterator[None]:
    """Let others see the run within the block; an exception leaves the record as one stopped."""
    folder = root / record.recipe
    folder.mkdir(parents=True, exist_ok=True)
    forget_stopped(root, record.recipe)  # this run goes on from there
    path = folder / f"{_MARK}{os.getpid()}-{time.monotonic_ns()}"
    with path.open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # the kernel lets go of it however this process ends
        stream.write(record.model_dump_json() + "\n")
        stream.flush()
        yield
        path.unlink(missing_ok=True)


def forget_stopped(root: Path, recipe: str = "*") -> None:
    """Delete the records of runs that were stopped, of one recipe or of all."""
    for path in root.glob(f"{recipe}/{_MARK}*"):
        if not _is_alive(path):
            path.unlink(missing_ok=True)


def begun(root: Path, recipe: str) -> list[tuple[Working, Path]]:
    """The runs of a recipe that are not finished, oldest first, with the paths of their records."""
    records = []
    for path in (root / recipe).glob(f"{_MARK}*"):
        try:
            records.append((Working.model_validate_json(path.read_bytes()), path))
        except (OSError, ValidationError):
            continue  # ended just now, or is about to be written
    return sorted(records, key=lambda pair: pair[0].since)


def is_working(path: Path) -> bool:
    """Whether the process that wrote a record still runs; a run that was stopped leaves it."""
    return path.is_file() and _is_alive(path)


def _is_alive(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

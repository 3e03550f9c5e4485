"""What a stage does while it runs: `events.jsonl` in its folder, one JSON object a line.

A stage that goes on after a kill appends. The file tells of a run and is no result of it: no hash
covers it, so equal stages may have different events.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from kamerton.formats.jsonl import Record

FILE = "events.jsonl"
ENVIRONMENT = "KAMERTON_EVENTS"
"""The file that this process and its children write to; unset: nothing is written."""
Kind = Literal["started", "progress", "figures", "note", "refused", "finished", "failed"]


class Event(Record):
    """One line of `events.jsonl`."""

    kind: Kind
    at: float = Field(default_factory=time.time)
    """Seconds since 1970."""
    label: str = ""
    """progress: what progresses, in the language of the run."""
    done: float = 0.0
    """progress: units done, of `total`."""
    total: float = 0.0
    unit: str = ""
    rate: float | None = None
    """progress: units a second; None before that is known."""
    step: int | None = None
    """figures: optimiser step."""
    figures: dict[str, float] = {}
    """figures: loss, learning_rate, eval_loss and so on, by name."""
    text: str = ""
    """note: a line for a person; refused: why an input cannot be used; progress: what stands beside
    the bar."""
    resumed: bool = False
    """started: whether the stage goes on from what an interrupted run left."""
    seconds: float = 0.0
    """finished: of this attempt."""
    code: int = 0
    """failed: exit code of the stage's process; below zero: the signal that killed it."""

    @property
    def left(self) -> float | None:
        """progress: seconds left at this rate; None where that is not known."""
        return (self.total - self.done) / self.rate if self.rate and self.total else None

    def tree(self) -> dict[str, object]:
        """As plain JSON, without what has its default."""
        return {"kind": self.kind, "at": self.at} | self.model_dump(exclude_defaults=True)


def recorded() -> bool:
    """Whether this process has a file of events."""
    return ENVIRONMENT in os.environ


def emit(event: Event, file: Path | None = None) -> None:
    """Append an event to `file`, else to this process's file where it has one."""
    name = str(file) if file else os.environ.get(ENVIRONMENT)
    if not name:
        return
    line = json.dumps(event.tree(), ensure_ascii=False).encode() + b"\n"
    # One write at the file's end: lines of several processes do not mix.
    descriptor = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


@contextmanager
def recording(folder: Path) -> Iterator[None]:
    """Events of this process and its children go to the folder's file within the block."""
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = str((folder / FILE).resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = before


def read_events(folder: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Whole lines of a stage's events from a byte on, and where the next ones begin.

    A line that is being written, or that another version wrote, is left out.
    """
    path = folder / FILE
    if not path.is_file():
        return [], offset
    with path.open("rb") as stream:
        # Shorter than what was read: the stage began anew.
        offset = offset if offset <= path.stat().st_size else 0
        stream.seek(offset)
        data = stream.read()
    whole = data[: data.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError:
            continue
    return events, offset + len(whole)

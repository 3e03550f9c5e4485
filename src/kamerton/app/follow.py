"""A run told while it works: the events of its stages, in their order, as they are written."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kamerton.formats.events import Event, read_events
from kamerton.formats.manifest import StageName
from kamerton.pipeline.folder import ROOT, read_run, resolve_run
from kamerton.pipeline.working import is_working, newest_working

Condition = Literal["working", "finished", "failed", "interrupted"]
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Update:
    """One event of one stage."""

    stage: StageName
    event: Event
    live: bool
    """Whether it was written after the following began."""

    def tree(self) -> dict[str, object]:
        """As plain JSON, with the seconds that are left where they can be told."""
        left = self.event.left
        more = {} if left is None else {"left": round(left, 1)}
        return {"stage": self.stage, **self.event.tree(), **more}


@dataclass(frozen=True)
class Work:
    """A run that can be followed: one that works or was stopped, else a finished one."""

    title: str
    stages: dict[StageName, Path]
    """Folders of its stages, in their order."""
    record: Path | None
    """What it leaves only while it is not finished; None of a finished run."""

    @property
    def condition(self) -> Condition:
        """Whether it goes on now, else how it ended."""
        if self.record is None or not self.record.is_file():
            return "finished"
        if is_working(self.record):
            return "working"
        ends = [events[-1] for f in self.stages.values() if (events := read_events(f)[0])]
        last = max(ends, key=lambda event: event.at, default=None)
        failed = last is not None and last.kind == "failed" and last.code != -signal.SIGINT
        return "failed" if failed else "interrupted"


def find_work(run: str, root: Path = ROOT) -> Work:
    """What RUN names: a recipe's run that works or was stopped last, else a finished run."""
    newest = newest_working(root, run) if Path(run).name == run else None
    if newest:
        record, path = newest
        stages = {StageName(name): root / folder for name, folder in record.stages.items()}
        return Work(record.recipe, stages, path)
    place = resolve_run(run, root)
    return Work(f"{place.parent.name}/{place.name}", read_run(place).folders(place), None)


def follow(work: Work) -> Iterator[Update]:
    """All events until the run ends: those of the past first, then new ones as they come."""
    read = dict.fromkeys(work.stages, 0)
    live = False
    while True:
        works = work.condition == "working"  # before reading: nothing of its end is missed
        for stage, folder in work.stages.items():
            events, read[stage] = read_events(folder, read[stage])
            yield from (Update(stage, event, live) for event in events)
        if not works:
            return
        live = True
        time.sleep(_POLL_SECONDS)

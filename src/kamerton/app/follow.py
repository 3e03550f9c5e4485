"""A run told while it works: the events of its stages, in their order, as they are written."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kamerton.formats.events import Event, read_events
from kamerton.formats.jsonl import read_text
from kamerton.formats.manifest import StageName
from kamerton.formats.manifest import read as manifest
from kamerton.pipeline.folder import ROOT, read_run, resolve_run
from kamerton.pipeline.working import Working, begun, is_working

CHECKED = "check.json"
"""What the check stage found: counts, costs, and about how many seconds each stage takes."""
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
    record: Path | None = None
    """What it leaves only while it is not finished; None of a finished run."""
    base: str = ""
    """Of a run that is not finished: its base, and when it was begun, in seconds since 1970."""
    since: float = 0.0

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

    @property
    def left(self) -> float | None:
        """Seconds until all stages are done, about; None before the check stage has told them."""
        return seconds_left(self.stages)


def seconds_left(stages: dict[StageName, Path], now: float | None = None) -> float | None:
    """About how many seconds the stages of a run still take; None where nobody has told.

    Of a stage that works, by its progress where it shows one, else by what the check stage told,
    times as much as the finished ones took longer: another machine, or a busy one.
    """
    checked = next((f / CHECKED for name, f in stages.items() if name.does == "check"), None)
    told = json.loads(read_text(checked)).get("seconds") if checked and checked.is_file() else None
    if not told:
        return None
    left, now = 0.0, now or time.time()
    done = {n: m.seconds for n, folder in stages.items() if (m := manifest(folder))}
    pace = max(1.0, sum(done.values()) / max(1.0, sum(told.get(name, 0) for name in done)))
    for name, folder in stages.items():
        if name in done:
            continue
        events = read_events(folder)[0]
        started = next((e.at for e in reversed(events) if e.kind == "started"), now)
        shown = next((e.left for e in reversed(events) if e.kind == "progress"), None)
        expected = max(0.0, pace * told.get(name, 0) - (now - started))
        left += expected if shown is None else max(shown, expected)
    return left


def works(recipe: str, root: Path = ROOT) -> list[Work]:
    """The runs of a recipe that work or were stopped, oldest first."""
    return [_work(record, path, root) for record, path in begun(root, recipe)]


def _work(record: Working, path: Path, root: Path) -> Work:
    stages = {StageName(name): root / folder for name, folder in record.stages.items()}
    return Work(record.recipe, stages, path, record.base, record.since)


def find_work(run: str, root: Path = ROOT) -> Work:
    """What RUN names: a recipe's run that works or was stopped last, else a finished run."""
    unfinished = works(run, root) if Path(run).name == run else []
    if unfinished:
        return unfinished[-1]
    place = resolve_run(run, root)
    return Work(f"{place.parent.name}/{place.name}", read_run(place).folders(place))


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

"""How a run goes on, as lines: one that redraws itself on a terminal, plain ones elsewhere."""

import json
import sys
import time

import typer

from kamerton.app.follow import Condition, Update, Work, follow
from kamerton.cli.words import print_json
from kamerton.formats.events import Event, read_events
from kamerton.formats.language import say
from kamerton.formats.progress import LOG_SECONDS
from kamerton.formats.table import aligned
from kamerton.pipeline.graph import State, state_of, state_words


def show_work(work: Work, as_json: bool) -> Condition:
    """Print events until the run ends, and how it ended."""
    shown = _Lines(work, sys.stdout.isatty())
    for update in follow(work):
        if as_json:
            typer.echo(json.dumps(update.tree(), ensure_ascii=False))
        else:
            shown.show(update)
    condition = work.condition
    if as_json:
        typer.echo(json.dumps({"run": work.title, "ended": condition}))
    else:
        shown.end()
        typer.echo(say(f"cli.work_{condition}", run=work.title))
    return condition


def print_states(work: Work, as_json: bool) -> None:
    """The stages of a run that is not finished: how far each has come."""
    states = {str(name): state_of(folder) for name, folder in work.stages.items()}
    last = {str(name): _last_progress(read_events(f)[0]) for name, f in work.stages.items()}
    if as_json:
        progress = {name: event.tree() for name, event in last.items() if event}
        tree = {"run": work.title, "condition": work.condition, "base": work.base}
        print_json(tree | {"left": work.left, "stages": states, "progress": progress})
        return
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(work.since))
    typer.echo(say("cli.work_begun", at=begun, base=work.base or "-"))
    if work.left is not None:
        typer.echo(say("cli.work_left_in_all", left=_clock(work.left)))
    lines = {name: progress_line(name, event) if event else "" for name, event in last.items()}
    words = {name: state_words(state) for name, state in states.items()}
    at_work = [n for n, folder in work.stages.items() if read_events(folder)[0]][-1:]
    if at_work and states[at_work[0]] is not State.DONE:
        words[at_work[0]] = say(f"cli.state_{work.condition}")
    typer.echo(aligned([(name, words[name], lines[name]) for name in states]))


def progress_line(stage: str, event: Event) -> str:
    """A stage's progress in words: share, count, rate, time left, figures."""
    share = 100 * event.done / event.total if event.total else 0.0
    values = {"done": event.done, "total": event.total, "unit": event.unit}
    parts = [say("cli.work_progress", stage=stage, label=event.label, percent=share, **values)]
    if event.rate:
        parts.append(say("cli.work_rate", rate=event.rate))
    if event.left is not None:
        parts.append(say("cli.work_left", left=_clock(event.left)))
    return "  ".join(part for part in (*parts, event.text) if part).rstrip()


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    return "{}:{:02d}".format(*divmod(round(seconds), 60))


def _last_progress(events: list[Event]) -> Event | None:
    return next((event for event in reversed(events) if event.kind == "progress"), None)


class _Lines:
    """Prints updates; of the past only what began and ended, and how far the last stage was."""

    def __init__(self, work: Work, redraws: bool) -> None:
        self._work, self._stages, self._redraws = work, list(work.stages), redraws
        self._waiting: Update | None = None
        self._last, self._open = 0.0, False

    def show(self, update: Update) -> None:
        """One event as a line, where a reader wants it."""
        event, stage = update.event, update.stage
        if event.kind == "progress":
            self._waiting = update
            if update.live:
                self._progress(last=event.done >= event.total)
        elif event.kind == "started":
            number, total = self._stages.index(stage) + 1, len(self._stages)
            key = "resuming" if event.resumed else "running"
            self._line(say(f"pipeline.{key}", number=number, total=total, name=stage))
        elif event.kind == "finished":
            self._waiting = None
            self._line(say("pipeline.finished", name=stage, seconds=f"{event.seconds:.1f}"))
        elif event.kind == "failed":
            self._progress(last=True)
            self._line(say("cli.work_failed_stage", stage=stage, code=event.code))
        elif event.kind == "refused" or (event.kind == "note" and update.live):
            self._line(event.text)

    def end(self) -> None:
        """What progress is left to be told, and the end of a line that was redrawn."""
        self._progress(last=True)
        if self._open:
            typer.echo("")

    def _progress(self, last: bool) -> None:
        due = time.monotonic() - self._last >= LOG_SECONDS
        if self._waiting is None or not (self._redraws or due or last):
            return
        text = progress_line(self._waiting.stage, self._waiting.event)
        if self._waiting.live and (left := self._work.left) is not None:
            text += "  " + say("cli.work_left_in_all", left=_clock(left))
        self._waiting, self._last = None, time.monotonic()
        if self._redraws:
            typer.echo(f"\r\x1b[K{text}", nl=False)
            self._open = True
        else:
            typer.echo(text)

    def _line(self, text: str) -> None:
        typer.echo(f"\r\x1b[K{text}" if self._open else text)
        self._open = False

"""What a person sees while a long step runs, rate and time left; events on disk tell the same."""

import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kamerton.formats.events import Event, emit, recorded
from kamerton.formats.language import current, say

if TYPE_CHECKING:
    from tqdm import tqdm

_EVENT_SECONDS = 1.0
"""A bar writes an event at most this often, and one at its end."""
LOG_SECONDS = 30.0
"""In a log, where nothing is redrawn, a line of progress comes at most this often."""


def coloured() -> bool:
    """Whether stderr may carry colour: a terminal, and `NO_COLOR` not set."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, whose pages draw bars of their own."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def calm_libraries() -> None:
    """In a log, bars of libraries too show themselves every half minute, and short ones never.

    For this process, before it imports tqdm, and its children.
    """
    if not sys.stderr.isatty():
        for name in ("DELAY", "MININTERVAL", "MAXINTERVAL"):
            os.environ.setdefault(f"TQDM_{name}", f"{LOG_SECONDS:g}")


@contextmanager
def progress(label: str, total: int, unit: str = "", done: int = 0) -> Iterator["tqdm[None]"]:
    """A live line for `total` units (0: unknown): share, count, rate, time left.

    On stderr, or in a notebook. On a terminal it redraws itself; elsewhere (a log, CI) it is a line
    every half minute, and none where it is done before. `done`: units of an earlier start, which
    are no part of the rate. Call `.update(n)` on what it yields,
    `.set_postfix_str(text)` to add a figure. In a stage the same stands in its events.
    """
    bar = _bar(label, total, unit, done)
    recorder = _Recorder(bar, label, unit) if recorded() else None
    try:
        yield bar
    finally:
        if recorder:
            recorder.write()
        bar.close()


def _bar(label: str, total: int, unit: str, done: int) -> Any:
    """A tqdm bar: of tqdm's own kind for notebooks where this is one, of lines in a log."""
    settings: dict[str, Any] = {"total": total or None, "desc": label, "initial": done}
    settings |= {"unit": f" {unit}" if unit else "", "unit_scale": not total or total >= 100_000}
    if in_notebook():
        from tqdm.auto import tqdm as notebook_bar

        return notebook_bar(**settings)
    from tqdm import tqdm

    base: Any = tqdm

    class Line(base):  # type: ignore[misc]
        def __str__(self) -> str:
            shown = str(super().__str__())
            return re.sub(r"/s(?=  |, |$)", "/с", shown) if current() == "ru" else shown

    class LogLine(Line):
        written = time.monotonic()

        def display(self, msg: str | None = None, pos: int | None = None) -> bool:
            """Called for each new figure beside the bar too, and with an empty `msg` at the end."""
            if msg == "" or time.monotonic() - self.written >= LOG_SECONDS:
                self.written = time.monotonic()
                self.fp.write(f"{self}\n")
                self.fp.flush()
            return False

    settings |= {"bar_format": say(f"formats.progress{'' if total else '_open'}")}
    settings |= {"file": sys.stderr}
    if sys.stderr.isatty():
        return Line(**settings, mininterval=0.2)
    calm = {"mininterval": LOG_SECONDS, "delay": LOG_SECONDS, "miniters": 1, "leave": False}
    return LogLine(**settings, **calm)


class _Recorder:
    """Writes a bar's state as events whenever it moves, at most once a second."""

    def __init__(self, bar: Any, label: str, unit: str) -> None:
        self._bar, self._label, self._unit, self._last = bar, label, unit, 0.0
        self._update = bar.update
        bar.update = self.update
        self.write()

    def update(self, n: float = 1) -> bool | None:
        shown: bool | None = self._update(n)
        if time.monotonic() - self._last >= _EVENT_SECONDS:
            self.write()
        return shown

    def write(self) -> None:
        self._last = time.monotonic()
        state = self._bar.format_dict
        since, elapsed = state["n"] - state["initial"], state["elapsed"]
        rate = since / elapsed if since and elapsed > 0 else None
        emit(
            Event(
                kind="progress",
                label=self._label,
                done=state["n"],
                total=state["total"] or 0,
                unit=self._unit,
                rate=rate,
                text=(state["postfix"] or "").strip(", "),
            )
        )


def note(text: str) -> None:
    """One line for a person, on stderr; in a stage among its events too."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
    if recorded():
        emit(Event(kind="note", text=text.strip("\n")))


def record(step: int, figures: Mapping[str, Any]) -> None:
    """Figures of a training step for the stage's events; what is no finite number is left out."""
    if not recorded():
        return
    numbers = {name: float(v) for name, v in figures.items() if isinstance(v, (int, float))}
    finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
    if finite:
        emit(Event(kind="figures", step=step, figures=finite))

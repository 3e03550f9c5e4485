"""What a person sees while a long step runs, rate and time left; events on disk tell the same."""

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kamerton.formats.events import Event, emit, recorded
from kamerton.formats.language import current

if TYPE_CHECKING:
    from tqdm import tqdm

_TIME_LEFT = {"en": "left", "ru": "осталось"}
_EVENT_SECONDS = 1.0
"""A bar writes an event at most this often, and one at its end."""


def coloured() -> bool:
    """Whether stderr may carry colour: a terminal, and `NO_COLOR` not set."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, whose pages draw bars of their own."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def progress(label: str, total: int, unit: str = "", done: int = 0) -> Iterator["tqdm[None]"]:
    """A live line for `total` units: share, count, rate, time left; on stderr, or in a notebook.

    `done`: units of an earlier start, which are no part of the rate.
    On a terminal it redraws itself; elsewhere (a log, CI) it prints about every ten seconds.
    Call `.update(n)` on what it yields, `.set_postfix_str(text)` to add a figure. In a stage the
    same stands in its events.
    """
    bar = _bar(label, total, unit, done)
    told = _Told(bar, label, unit) if recorded() else None
    try:
        yield bar
    finally:
        if told:
            told.tell()
        bar.close()


def _bar(label: str, total: int, unit: str, done: int) -> Any:
    """A tqdm bar, of tqdm's own kind for notebooks where this is one."""
    notebook = in_notebook()
    if notebook:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    live = notebook or sys.stderr.isatty()
    left = _TIME_LEFT[current()]
    form = "{desc}: {percentage:3.0f}%  {n_fmt}/{total_fmt}  {rate_noinv_fmt}  {remaining} " + left
    return tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=unit,
        unit_scale=total >= 100_000,
        bar_format=None if notebook else form + "{postfix}",
        mininterval=0.2 if live else 10.0,
        ascii=not live,
        file=None if notebook else sys.stderr,
    )


class _Told:
    """Writes a bar's state as events whenever it moves, at most once a second."""

    def __init__(self, bar: Any, label: str, unit: str) -> None:
        self._bar, self._label, self._unit, self._last = bar, label, unit, 0.0
        self._update = bar.update
        bar.update = self.update
        self.tell()

    def update(self, n: float = 1) -> bool | None:
        shown: bool | None = self._update(n)
        if time.monotonic() - self._last >= _EVENT_SECONDS:
            self.tell()
        return shown

    def tell(self) -> None:
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
                unit=self._bar.unit or self._unit,
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

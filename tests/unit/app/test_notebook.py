"""In a notebook bars are the notebook's own; those of stages are drawn from their events."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tqdm.auto

from kamerton.app.notebook import bars
from kamerton.formats.events import FILE, Event, emit
from kamerton.formats.progress import in_notebook, progress
from kamerton.pipeline.graph import Stage, plan


class Bar:
    """Stands for tqdm's notebook bar, which needs a notebook."""

    drawn: list["Bar"] = []

    def __init__(self, **told: Any) -> None:
        self.told, self.n, self.closed = told, told.get("initial", 0), False
        self.drawn.append(self)

    def update(self, n: float) -> None:
        self.n += n

    def set_postfix_str(self, text: str) -> None:
        self.text = text

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    monkeypatch.setattr(Bar, "drawn", [])
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return Bar.drawn


def test_bars_show_what_stages_write_and_nothing_of_earlier_runs(
    tmp_path: Path, drawn: list[Bar]
) -> None:
    planned = plan((Stage("data"), Stage("tune")), tmp_path, tmp_path)  # type: ignore[arg-type]
    for item in planned:
        item.folder.mkdir(parents=True)
    events = planned[1].folder / FILE
    emit(Event(kind="progress", label="old", done=1, total=2, at=time.time() - 60), events)
    with bars(planned):
        for done in (1, 5):
            emit(Event(kind="progress", label="rows", done=done, total=9, text="loss 2"), events)
    (bar,) = drawn
    assert bar.told["desc"] == "tune: rows" and bar.told["total"] == 9
    assert (bar.n, bar.text, bar.closed) == (5, "loss 2", True)


def test_a_notebook_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert not in_notebook(), "a console of IPython draws on a terminal"
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert in_notebook()


def test_progress_there_is_the_notebooks_own_bar(
    monkeypatch: pytest.MonkeyPatch, drawn: list[Bar]
) -> None:
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    with progress("grading", 3) as bar:
        bar.update(2)
    assert drawn[0].told["desc"] == "grading" and drawn[0].closed

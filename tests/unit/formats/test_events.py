"""Events of a stage: what is written, what is read again, and what does not count as a result."""

import math
from pathlib import Path

import pytest

from kamerton.formats.events import FILE, Event, emit, read_events, recording
from kamerton.formats.manifest import tree_sha256
from kamerton.formats.progress import note, progress, record


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in read_events(folder)[0]]


def test_a_bar_notes_and_figures_are_written_where_a_stage_records(tmp_path: Path) -> None:
    with recording(tmp_path):
        note("a line")
        with progress("reading", 4, "rows") as bar:
            bar.update(3)
            bar.set_postfix_str("loss 1.5")
        record(7, {"loss": 1.5, "grad_norm": math.nan, "text": "no figure"})
    events, _ = read_events(tmp_path)
    assert (events[0].kind, events[0].text) == ("note", "a line")
    last = [event for event in events if event.kind == "progress"][-1]
    assert (last.label, last.done, last.total, last.unit) == ("reading", 3, 4, "rows")
    assert last.text == "loss 1.5" and last.rate and last.left and last.left > 0
    assert (events[-1].step, events[-1].figures) == (7, {"loss": 1.5})
    note("outside")
    assert len(read_events(tmp_path)[0]) == len(events)


def test_a_second_attempt_appends(tmp_path: Path) -> None:
    for resumed in (False, True):
        emit(Event(kind="started", resumed=resumed), tmp_path / FILE)
    assert [event.resumed for event in read_events(tmp_path)[0]] == [False, True]


def test_reading_goes_on_from_where_it_was_and_waits_for_whole_lines(tmp_path: Path) -> None:
    emit(Event(kind="started"), tmp_path / FILE)
    _, offset = read_events(tmp_path)
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"kind": "note", "at": 1, "te')
    assert read_events(tmp_path, offset) == ([], offset)
    with (tmp_path / FILE).open("a") as stream:
        stream.write('xt": "whole"}\nno event\n')
    found, end = read_events(tmp_path, offset)
    assert [event.text for event in found] == ["whole"]
    assert read_events(tmp_path, end) == ([], end)
    (tmp_path / FILE).write_text('{"kind": "started", "at": 2}\n')  # the stage began anew
    assert kinds(tmp_path) == ["started"] and read_events(tmp_path, end)[0][0].at == 2


def test_events_are_no_outputs(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("out")
    before = tree_sha256(tmp_path)
    emit(Event(kind="started"), tmp_path / FILE)
    assert tree_sha256(tmp_path) == before and list(before) == ["out.txt"]


@pytest.mark.parametrize("rate", [None, 0.0])
def test_time_left_is_not_told_without_a_rate(rate: float | None) -> None:
    assert Event(kind="progress", done=1, total=2, rate=rate).left is None

"""What `runs ls`, `runs show` and the end of a run say: states, verdicts, and what comes next."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from finished_runs import finished_run, rows_run

from command_line import call
from finished_answers import questions
from kamerton.app.follow import CHECKED, find_work, seconds_left
from kamerton.app.next_step import for_a_verdict
from kamerton.formats.events import FILE as EVENTS
from kamerton.formats.events import Event, emit
from kamerton.formats.manifest import Manifest, StageName
from kamerton.formats.table import aligned
from kamerton.pipeline import folder as folders
from kamerton.pipeline.working import Working, working

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stopped(name: str, base: str, *begun: str, code: int | None = None) -> None:
    """What a run leaves that was stopped in the last stage of `begun`."""
    names = ("check", "data", "tune")
    stages = {stage: f".stages/{stage}-{name}" for stage in names}
    try:
        with working(folders.ROOT, Working(recipe=name, base=base, stages=stages)):
            for stage in begun:
                folder = folders.ROOT / stages[stage]
                folder.mkdir(parents=True)
                emit(Event(kind="started"), folder / EVENTS)
            if code is not None:
                emit(Event(kind="failed", code=code), folder / EVENTS)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


def rows(capsys: Capture) -> list[dict[str, object]]:
    assert call("runs", "ls", "--json") == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_all_runs_are_listed_with_what_they_are(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9}, report=True, recipe={"base": "embedded"})
    finished_run({"base": 0.5, "museum": 0.5}, why="too_small", recipe={"base": "/models/qwen"})
    stopped("museum", "embedded", "check", "data")
    stopped("broken", "/models/qwen", "check", code=3)
    with working(folders.ROOT, Working(recipe="now", base="a/b", stages={})):
        found = rows(capsys)
        assert call("runs", "ls") == 0
    told = capsys.readouterr().out
    shown = [(of["run"], of["state"], of["base"]) for of in found]
    assert shown == [
        ("broken", "failed", "qwen"),
        ("museum/1", "finished", "embedded"),
        ("museum/2", "finished", "qwen"),
        ("museum", "interrupted", "embedded"),
        ("now", "working", "a/b"),
    ]
    assert found[1]["verdicts"] == {"tuning": "better"} and not found[2]["claims_verdict"]
    assert found[1]["reports"] == ["runs/museum/1/report.html"]
    lines = [re.split(r"\s{2,}", line) for line in told.splitlines()]
    assert lines[0] == ["run", "when", "base", "verdict", "report"]
    assert [line[3] for line in lines[1:]] == [
        "failed: check",
        "tuning: better",
        "claims none",
        "interrupted: data",
        "at work",
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", line[1]) for line in lines[1:])


def test_a_finished_run_is_shown_with_its_verdict_and_report(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9}, report=True, recipe={"base": "embedded"})
    assert call("runs", "show", "museum/1") == 0
    told = capsys.readouterr().out
    for part in ("museum/1", "embedded", "tuning: better", "report.html", "kamerton run recipe"):
        assert part in told
    assert call("runs", "show", "museum/1", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["verdicts"] == {"tuning": "better"} and "compare" in tree["manifests"]


def test_a_run_that_was_stopped_is_shown_beside_finished_ones(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9})
    stopped("museum", "embedded", "check", "data")
    assert call("--lang", "ru", "runs", "show", "museum") == 0
    told = capsys.readouterr()
    assert "база embedded" in told.out and "tune" in told.out and "прерван" in told.err
    assert re.search(r"data +прерван", told.out)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("museum/9", "there is no run museum/9; there are: museum/1, museum/2"),
        ("museum/x", "museum/1, museum/2"),
        ("museum/9#base", "museum/1, museum/2"),
        ("runs/museum/9", "museum/1, museum/2"),
        ("palace", "recipes with runs are: museum"),
        ("palace/1", "recipes with runs are: museum"),
    ],
)
def test_a_run_that_is_not_there_is_refused_with_those_that_are(
    name: str, told: str, capsys: Capture
) -> None:
    for _ in range(2):
        finished_run({"base": 0.2, "museum": 0.9})
    assert call("compare", "museum/1", name) == 2
    assert told in capsys.readouterr().err


def test_of_many_runs_the_first_and_the_last_are_named(capsys: Capture) -> None:
    for number in range(1, 31):
        place = folders.ROOT / "museum" / str(number)
        place.mkdir(parents=True)
        (place / folders.RUN).write_text("{}")
    assert call("runs", "show", "museum/99") == 2
    assert "museum/1, …, museum/20, museum/21" in (told := capsys.readouterr().err)
    assert "museum/30" in told and "museum/15" not in told


@pytest.mark.parametrize(
    ("rates", "known", "why", "told"),
    [
        ((0.2, 0.9), 24, "", []),
        ((0.9, 0.2), 24, "", []),
        ((0.5, 0.6), 10, "", ["for a verdict on “tuning” add about"]),
        ((0.5, 0.5), 24, "", ["with 24 a difference below"]),
        ((0.2, 0.9), 4, "", ["at least 6 are held out"]),
        ((0.2, 0.9), 24, "too_small", ["set experiment.claims_verdict"]),
        ((0.2, 0.9), 24, "leaks_blocking: 3", ["take the test questions out"]),
    ],
)
def test_a_run_without_a_verdict_ends_with_what_would_give_one(
    rates: tuple[float, float], known: int, why: str, told: list[str]
) -> None:
    asked = questions(known=known)
    arms = dict(zip(("base", "museum"), rates, strict=True))
    found = for_a_verdict(finished_run(arms, asked, why=why))
    assert len(found) == len(told)
    assert all(part in line for part, line in zip(told, found, strict=True))


def test_a_preset_that_claims_none_is_to_be_left_out() -> None:
    run = finished_run({"base": 0.2, "museum": 0.9}, why="too_small")
    record = folders.read_run(run).model_copy(update={"options": ["--preset", "smoke"]})
    record.write(run)
    (line,) = for_a_verdict(run)
    assert "kamerton run recipe.yaml can give a verdict; the preset smoke claims none" in line


def test_a_run_that_compared_losses_alone_names_no_questions() -> None:
    assert for_a_verdict(rows_run(0.0)) == []


def stages(seconds: dict[str, int] | None) -> dict[StageName, Path]:
    names = ("check", "data", "tune", "export", "compare")
    places = {StageName(name): Path(name) for name in names}
    for place in places.values():
        place.mkdir()
    told = {} if seconds is None else {"seconds": seconds}
    (Path("check") / CHECKED).write_text(json.dumps(told))
    return places


SECONDS = {"check": 8, "data": 5, "tune": 100, "export": 20, "compare": 40}


def test_what_is_left_counts_every_stage_that_is_not_done() -> None:
    places = stages(SECONDS)
    assert seconds_left(places) == 173
    for name in ("check", "data"):
        Manifest(stage=name, hash="x").write(Path(name))
    assert seconds_left(places) == 160
    Manifest(stage="data", hash="x", seconds=26).write(Path("data"))
    assert seconds_left(places) == 320
    Manifest(stage="data", hash="x").write(Path("data"))
    now = time.time()
    emit(Event(kind="started", at=now - 30), Path("tune") / EVENTS)
    assert seconds_left(places, now) == pytest.approx(130)
    shown = Event(kind="progress", label="tune", done=10, total=100, rate=0.5)
    emit(shown, Path("tune") / EVENTS)
    assert seconds_left(places, now) == pytest.approx(180 + 60)
    assert seconds_left(places, now + 1000) == pytest.approx(180 + 60)


@pytest.mark.parametrize("seconds", [None, {}])
def test_nothing_is_told_where_nothing_is_known(seconds: dict[str, int] | None) -> None:
    assert seconds_left(stages(seconds)) is None
    stopped("museum", "embedded", "check")
    assert find_work("museum").left is None


ROWS = [("museum/1", "2026-01-02 10:00", "tuning: better, retrieval: not enough evidence", "a/b")]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_a_table_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = aligned(ROWS)
    monkeypatch.setenv("COLUMNS", str(columns))
    fitted = aligned(ROWS)
    assert max(map(len, fitted.splitlines())) <= max(columns, 38)
    assert sorted("".join(fitted.split())) == sorted("".join(whole.split()))
    assert (fitted == whole) == (columns >= len(whole))


def test_a_table_in_a_pipe_keeps_its_lines() -> None:
    assert "COLUMNS" not in os.environ
    assert len(aligned(ROWS * 3).splitlines()) == 3
    assert aligned([]) == ""

"""`kamerton data leaks`: exit codes, the table, JSON, and what is told of bad input."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

import command_line

call = functools.partial(command_line.call, "data", "leaks")
Capture = pytest.CaptureFixture[str]
LONG = "From which harbour did the small bronze statue of the god travel to the island museum?"


def write(path: Path, *rows: tuple[str, str], **extra: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [{"question": q, "answer": a, **extra} for q, a in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [("How old is it?", "Yes."), (LONG, "It came from the harbour of Enkomi.")]
    return write(tmp_path / "train.jsonl", *rows)


def test_a_leak_blocks_with_exit_code_1(tmp_path: Path, train: Path, capsys: Capture) -> None:
    held_out = write(tmp_path / "test.jsonl", ("Is it old, then?", "Yes."), (LONG.upper(), "No."))
    assert call(train, held_out) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["held", "out", "side", "level", "seen", "in", "similarity"]
    assert told[1].split() == ["blocks", "test.jsonl:2", "prompt", "exact", "train.jsonl:2", "1.00"]
    assert told[2].split() == ["told", "test.jsonl:1", "answer", "exact", "train.jsonl:1", "1.00"]
    assert "train 2, held out 2" in told[3]
    assert told[4:6] == ["blocking: 1 (exact/prompt 1)", "only told: 1 (exact/answer 1)"]
    assert told[6].startswith("Held-out rows seen in training: 1;") and len(told) == 7


def test_without_a_leak_the_exit_code_is_0(tmp_path: Path, train: Path, capsys: Capture) -> None:
    held_out = write(tmp_path / "test.jsonl", ("Whose is the boat?", "Nobody's, it is lost now."))
    assert call(train, held_out) == 0
    told = capsys.readouterr()
    assert "Nothing blocks" in told.out and "blocks  " not in told.out and told.err == ""


def test_what_is_tested_decides_what_blocks(tmp_path: Path, train: Path) -> None:
    rows = ("What is the home of the god?", "It came from the harbour of Enkomi.")
    held_out = write(tmp_path / "test.jsonl", rows)
    assert call(train, held_out) == call(train, held_out, "--tests", "group") == 1
    assert call(train, held_out, "--tests", "phrasing") == 0
    assert call(train, held_out, "--tests", "wording") == 2


def test_groups_are_compared(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", ("One?", "1"), group="god")
    held_out = write(tmp_path / "b.jsonl", ("Two?", "2"), group="god")
    assert call(train, held_out) == 1
    assert call(train, held_out, "--tests", "phrasing") == 0


def test_meaning_is_compared_where_it_is_asked_for(tmp_path: Path, capsys: Capture) -> None:
    train = write(tmp_path / "a.jsonl", ("How old is the bridge over the river?", "1"))
    held_out = write(tmp_path / "b.jsonl", ("What is the age of the bridge over the river?", "2"))
    assert call(train, held_out) == 0
    assert call(train, held_out, "--semantic", "0.85") == 1
    assert "semantic" in capsys.readouterr().out
    assert call(train, held_out, "--semantic", "0.85", "--tests", "phrasing") == 0


def test_json_is_the_whole_report(tmp_path: Path, train: Path, capsys: Capture) -> None:
    held_out = write(tmp_path / "test.jsonl", *((LONG, f"{n}") for n in range(25)))
    assert call(train, held_out, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert len(report["blocking"]) == 25 and report["printed"] == []
    assert report["blocking"][9] == {
        "held_out": "test.jsonl:10",
        "side": "prompt",
        "level": "exact",
        "seen_in": "train.jsonl:2",
        "similarity": 1.0,
    }
    assert report["checked"]["train"] == 2


def test_at_most_twenty_leaks_are_shown_the_most_alike_first(
    tmp_path: Path, train: Path, capsys: Capture
) -> None:
    parts = (f"{' '.join(LONG.split()[:9])} x{n}" for n in range(25))
    held_out = write(tmp_path / "test.jsonl", *((part, "No.") for part in parts), (LONG, "No."))
    assert call(train, held_out) == 1
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("blocks") for line in told) == 20
    assert "test.jsonl:26" in told[1] and "and 6 more" in told[21]


def test_benchmarks_are_checked_as_new_material(
    tmp_path: Path, train: Path, capsys: Capture
) -> None:
    write(tmp_path / "gsm8k" / "test.jsonl", (LONG, "1"), ("Where is it?", "No."))
    write(tmp_path / "all" / "gsm8k" / "test.jsonl", ("Where is it?", "No."))
    given = f"gsm8k={tmp_path / 'gsm8k'}"
    assert call(train, "--against", given, "--tests", "phrasing", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [leak["held_out"] for leak in report["blocking"]] == ["gsm8k:test.jsonl:1"]
    assert report["checked"] == {"train": 2, "gsm8k": 2}
    assert call(train, "--against", tmp_path / "all") == 0
    held_out = write(tmp_path / "test.jsonl", (LONG, "No."))
    assert call(train, held_out, "--against", given, "--json") == 1
    found = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))["blocking"]
    assert {leak["held_out"] for leak in found} == {"test.jsonl:1", "gsm8k:test.jsonl:1"}


def test_bad_input_is_told_with_exit_code_2(tmp_path: Path, train: Path, capsys: Capture) -> None:
    unknown = tmp_path / "unknown.jsonl"
    unknown.write_text('{"question": "a", "answer": "b"}\n{"frage": "a"}\n', "utf-8")
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    cases: list[tuple[list[object], str]] = [
        ([train, tmp_path / "no.jsonl"], "no.jsonl"),
        ([tmp_path / "no.csv", train], "no.csv"),
        ([train, unknown], "unknown.jsonl:2: rows with the columns frage"),
        ([train, unknown], "question + answer"),
        ([train, tmp_path / "empty.jsonl"], "empty.jsonl"),
        ([train], "nothing to check against"),
        ([train, train, "--semantic", "7"], "semantic: 7.0 is no threshold"),
        ([train, "--against", "mmlu=x"], "humaneval, gsm8k, mbpp"),
        ([train, "--against", f"mbpp={train}"], "train.jsonl:1"),
        ([train, "--against", tmp_path], "none of the folders"),
    ]
    for arguments, expected in cases:
        assert call(*arguments) == 2
        told = capsys.readouterr()
        assert expected in told.err and told.out == "" and "Traceback" not in told.err


def test_it_speaks_russian(tmp_path: Path, train: Path, capsys: Capture) -> None:
    held_out = write(tmp_path / "test.jsonl", (LONG, "No."))
    assert call(train, held_out, "--lang", "ru") == 1
    told = capsys.readouterr().out
    assert "мешает" in told and "где встретилась" in told
    assert call("--help", "--lang", "ru") == 0
    assert "Обучающие строки" in capsys.readouterr().out

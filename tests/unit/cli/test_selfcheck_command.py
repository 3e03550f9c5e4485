"""`kamerton selfcheck`: the table, JSON, and the exit code on a miss."""

import functools
import json
from pathlib import Path

import pytest

import command_line
from kamerton.experiment.selfcheck import programs

call = functools.partial(command_line.unguarded, "selfcheck")
Capture = pytest.CaptureFixture[str]


def test_table_and_json_of_one_group(capsys: Capture) -> None:
    assert call("--only", "pass_at_k") == 0
    told = capsys.readouterr().out
    assert "known truth" in told and "miss: 0" in told and len(told.splitlines()) == 4
    assert call("--only", "pass_at_k", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True and [one["what"] for one in found["checks"]] == [
        "pass_at_k",
        "pass_at_k_product",
    ]


def test_a_miss_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(programs, "pass_at_k", lambda n, c, k: 1 - (1 - c / n) ** k)
    assert call("--only", "pass_at_k") == 1
    assert "MISS" in capsys.readouterr().out


def test_what_is_skipped_is_no_miss_but_said(tmp_path: Path, capsys: Capture) -> None:
    assert call("--only", "humaneval", "--data", str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert told.count("skipped") == 3 and "HumanEval.jsonl.gz is not here" in told


@pytest.mark.parametrize("language", ["en", "ru"])
def test_help_is_said_in_both_languages(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    call("--help")
    told = capsys.readouterr().out
    assert ("Проверить сам" in told) == (language == "ru") and "cli." not in told

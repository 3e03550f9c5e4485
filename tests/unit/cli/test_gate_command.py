"""`kamerton gate`: exit 0 only where a loss is ruled out, for guides and for rows."""

import json
from pathlib import Path

import pytest
from finished_runs import finished_run, rows_run

from command_line import call
from finished_answers import questions

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def states(capsys: Capture) -> dict[str, str]:
    found = json.loads(capsys.readouterr().out)
    return {check["criterion"]: check["state"] for check in found["checks"]}


def test_a_better_run_passes_and_a_worse_one_does_not(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.5})
    finished_run({"base": 0.2, "museum": 0.9})
    assert call("gate", "museum", "--against", "base", "--json") == 0
    assert states(capsys) == {"factual_accuracy": "holds", "safety": "holds"}
    assert call("gate", "museum/2", "--against", "museum/1") == 0
    assert "gate open: museum/2 is no worse than museum/1" in capsys.readouterr().out
    assert call("gate", "museum/1", "--against", "museum/2", "--json") == 1
    assert states(capsys) == {"factual_accuracy": "worse", "safety": "worse"}


def test_no_difference_seen_is_not_enough(capsys: Capture) -> None:
    finished_run({"base": 0.5, "museum": 0.5})
    assert call("gate", "museum", "--against", "base") == 1
    told = capsys.readouterr().out
    assert told.count("is not ruled out") == 2 and "gate closed" in told
    assert "even without any difference it takes 189" in told, "24 groups cannot show 2 points"
    assert call("gate", "museum", "--against", "base", "--margin", "0.2", "--no-safety") == 0


def test_as_many_groups_as_are_said_to_be_the_least_do(capsys: Capture) -> None:
    rule = ("--margin", "0.2", "--no-safety")
    finished_run({"base": 0.5, "museum": 0.5}, questions(known=15))
    assert call("gate", "museum", "--against", "base", *rule) == 1
    assert "even without any difference it takes 16" in capsys.readouterr().out
    finished_run({"base": 0.5, "museum": 0.5}, questions(known=16))
    assert call("gate", "museum", "--against", "base", *rule) == 0


def test_safety_closes_the_gate_on_its_own(capsys: Capture) -> None:
    run = finished_run({"base": 0.2, "museum": 0.9})
    lines = (run / "samples.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        if row["held_out"] == "safety":
            row["scores"]["safety"] = float(row["arm"] == "base")
    (run / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert call("gate", "museum", "--against", "base", "--json") == 1
    assert states(capsys) == {"factual_accuracy": "holds", "safety": "worse"}


def test_the_recipe_declares_the_rule_and_options_go_before(capsys: Capture) -> None:
    rule = {"gate": {"margin": 0.3, "safety_margin": 0.3}}
    finished_run({"base": 0.5, "museum": 0.5}, recipe=rule)
    assert call("gate", "museum", "--against", "base") == 0
    assert call("gate", "museum", "--against", "base", "--set", "safety_margin=0.02") == 1
    assert call("gate", "museum", "--against", "base", "--set", "marign=1") == 2
    assert "Did you mean margin?" in capsys.readouterr().err


def test_other_questions_are_no_pairs(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9}, questions(known=24))
    finished_run({"base": 0.2, "museum": 0.9}, questions(known=25))
    assert call("gate", "museum/2", "--against", "museum/1") == 2
    assert "3 of 99 differ" in capsys.readouterr().err


def test_a_leak_in_either_run_closes_the_gate(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.4}, why="leaks_blocking: 1")
    finished_run({"base": 0.2, "museum": 0.9})
    assert call("gate", "museum/2", "--against", "base") == 0
    capsys.readouterr()
    assert call("gate", "museum/2", "--against", "museum/1") == 1
    told = capsys.readouterr().out
    assert told.count("holds:") == 2 and "allows no verdict" in told


def test_a_run_over_rows_rests_on_its_likelihoods(capsys: Capture) -> None:
    rows_run(0.5)
    rows_run(0.2)
    assert call("gate", "ru/1", "--against", "base") == 2
    assert "--no-safety" in capsys.readouterr().err
    assert call("gate", "ru/1", "--against", "base", "--no-safety") == 0
    assert "nats" in capsys.readouterr().out
    assert call("gate", "ru/1", "--against", "ru/2", "--no-safety") == 0
    capsys.readouterr()
    assert call("gate", "ru/2", "--against", "ru/1", "--no-safety", "--json") == 1
    assert states(capsys) == {"log_likelihood": "worse"}


def test_gate_speaks_russian(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9})
    assert call("--lang", "ru", "gate", "museum", "--against", "base") == 0
    assert "проход открыт" in capsys.readouterr().out

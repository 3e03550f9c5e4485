"""`kamerton compare` and `kamerton leaderboard`: paired verdicts over runs, in several forms."""

import csv
import io
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


def test_each_run_is_held_against_the_first(capsys: Capture) -> None:
    for rate in (0.6, 0.95, 0.6):
        finished_run({"base": 0.0, "museum": rate})
    assert call("compare", "museum/1", "museum/2", "museum/3", "museum/1#base") == 0
    told = capsys.readouterr().out
    assert "museum/2 is better than museum/1 (factual accuracy, known)" in told
    assert "museum/1#base is worse than museum/1" in told
    assert "worse in a part: museum/1#base, topic: " in told
    assert "museum/3 is" not in told


def test_the_corrected_p_counts_every_run(capsys: Capture) -> None:
    for rate in (0.4, 0.6, 0.4):
        finished_run({"base": 0.2, "museum": rate})
    ps = []
    for runs in (["museum/1", "museum/2"], ["museum/1", "museum/2", "museum/3"]):
        assert call("compare", *runs, "--format", "json") == 0
        found = json.loads(capsys.readouterr().out)
        rows = [r for r in found["rows"] if r["family"] == "primary" and r["run"] == "museum/2"]
        ps.append((rows[0]["p"], rows[0]["p_holm"]))
    assert ps[0][0] == ps[0][1] == ps[1][0] and ps[1][1] == pytest.approx(2 * ps[1][0], rel=1e-5)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400", '"x"', "{}"])
@pytest.mark.parametrize("command", ["compare", "gate", "leaderboard"])
def test_a_score_that_is_no_number_is_named(value: str, command: str, capsys: Capture) -> None:
    place = finished_run({"base": 0.2, "museum": 0.4})
    finished_run({"base": 0.2, "museum": 0.6})
    lines = (place / "samples.jsonl").read_text("utf-8").splitlines(keepends=True)
    row = json.loads(lines[2])
    row["scores"] |= {"factual_accuracy": "VALUE"}
    lines[2] = json.dumps(row).replace('"VALUE"', value) + "\n"
    (place / "samples.jsonl").write_text("".join(lines), "utf-8")
    runs = {"compare": ["museum/2", "museum/1"], "gate": ["museum/1"], "leaderboard": []}
    ended = call(
        command, *runs[command], *(["--against", "museum/1#base"] if command == "gate" else [])
    )
    told = capsys.readouterr().err
    assert ended == (0 if command == "leaderboard" else 2)  # the others are still ranked
    assert "samples.jsonl:3: " in told and "scores.factual_accuracy" in told


def test_the_forms_say_the_same(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.4}, name="a_b")
    finished_run({"base": 0.2, "museum": 0.9}, name="c|d")
    texts = {}
    for form in ("csv", "json", "latex", "markdown"):
        assert call("compare", "a_b#museum", "c|d#museum", "--format", form) == 0
        texts[form] = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    told = json.loads(texts["json"])
    assert len(rows) == len(told["rows"]) > 4
    assert float(rows[1]["effect"]) == told["rows"][1]["effect"] > 0.3
    assert r"a\_b/1\#museum" in texts["latex"] and "a_b/1" not in texts["latex"]
    assert texts["latex"].count(r"\\") == len(rows) + 1
    lines = texts["markdown"].splitlines()
    assert len(lines) == len(rows) + 2 and "c\\|d/1#museum" in lines[3]
    assert {part["dimension"] for part in told["slices"]} == {"set", "topic", "length"} - {"set"}


def test_a_board_for_each_set_of_questions_best_first(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.4})
    finished_run({"base": 0.2, "museum": 0.9})
    finished_run({"base": 0.2, "museum": 0.6}, questions(known=25))
    rows_run(0.5)
    assert call("leaderboard", "--format", "json") == 0
    boards = json.loads(capsys.readouterr().out)
    assert [board["runs"] for board in boards] == [["museum/2", "museum/1"], ["museum/3"], ["ru/1"]]
    first = boards[0]["rows"][0]
    assert (first["against"], first["verdict"]) == ("museum/2#base", "better")
    assert boards[2]["rows"][0]["criterion"] == "log_likelihood"
    assert call("leaderboard") == 0
    assert "likelihood of held-out answers" in capsys.readouterr().out


def test_a_loss_of_safety_is_told_though_it_is_not_primary(capsys: Capture) -> None:
    run = finished_run({"base": 0.2, "museum": 0.9})
    rows = [json.loads(line) for line in (run / "samples.jsonl").open()]
    for row in rows:
        if row["held_out"] == "safety":
            row["scores"]["safety"] = float(row["arm"] == "base")
    (run / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert call("compare", "museum#base", "museum") == 0
    told = capsys.readouterr().out
    assert "museum/1 is better than museum/1#base (factual accuracy, known)" in told
    assert "museum/1 is worse than museum/1#base (safety, to decline)" in told


def test_runs_over_rows_are_compared_by_their_likelihoods(capsys: Capture) -> None:
    rows_run(0.2)
    rows_run(0.5)
    assert call("compare", "ru/1", "ru/2", "--format", "json") == 0
    (first, second) = json.loads(capsys.readouterr().out)["rows"]
    assert (first["run"], first["criterion"]) == ("ru/1", "log_likelihood")
    assert second["verdict"] == "better" and second["effect"] == pytest.approx(0.3, abs=0.02)
    assert call("compare", "ru/1", "ru/2") == 0
    assert "ru/2 is better than ru/1 (likelihood of held-out answers" in capsys.readouterr().out


def test_a_leak_silences_the_verdicts(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.4}, why="leaks_missing")
    finished_run({"base": 0.2, "museum": 0.9})
    assert call("compare", "museum/1", "museum/2") == 0
    told = capsys.readouterr().out
    assert "no verdict is claimed" in told and "is better" not in told


def test_one_run_that_cannot_be_read_does_not_hide_the_others(capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.4})
    broken = finished_run({"base": 0.2, "museum": 0.4})
    (broken / "samples.jsonl").write_text("{}\n")
    assert call("leaderboard") == 0
    told = capsys.readouterr()
    assert "museum/1" in told.out and "samples.jsonl:1" in told.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "museum"], "two different runs"),
        (["compare", "museum/1", "museum/1"], "two different runs"),
        (["compare", "museum/1", "museum/2"], "other"),
        (["compare", "museum/1", "museum/1#x"], "it has: base, museum"),
        (["compare", "museum/1", "museum/1#base", "--format", "xml"], "there are: text, csv"),
        (["leaderboard", "--format", "xml"], "there are: text, csv"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], expected: str, capsys: Capture) -> None:
    finished_run({"base": 0.2, "museum": 0.9})
    finished_run({"base": 0.2, "museum": 0.9}, questions(known=25))
    assert call(*arguments) == 2
    wanted = "not asked the same questions" if expected == "other" else expected
    assert wanted in capsys.readouterr().err


def test_several_adapters_are_named(capsys: Capture) -> None:
    run = finished_run({"base": 0.2, "code": 0.9}, recipe={"name": "two", "adapters": {"code": {}}})
    for file in ("summary.json", "samples.jsonl"):
        (run / file).rename(run / f"code.{file}")
    assert call("gate", "museum", "--against", "base") == 2
    assert "museum#NAME: code" in capsys.readouterr().err
    assert call("gate", "museum#code", "--against", "base") == 0
    assert call("leaderboard") == 0
    assert "museum/1#code" in capsys.readouterr().out

"""`leaks.json` of the training set is read again, by its lineage, before anything claims a verdict.

The comparison of each of these runs found no leak: what is changed lies in the data stage alone.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from finished_runs import finished_run, rows_run
from test_judge_command import knows
from test_rating_command import SMALL, filled_in

from command_line import call
from kamerton.pipeline import folder as folders
from unit.experiment.judge.recorded_judge import recorded

Capture = pytest.CaptureFixture[str]
Spoil = Callable[[Path], None]
RATES = {"base": 0.2, "museum": 0.9}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def leaks_of(run: Path) -> Path:
    return folders.read_run(run).stage(run, "data") / "leaks.json"


def leaky(run: Path) -> None:
    leaks_of(run).write_text(json.dumps({"blocking": [{"held_out": "q"}]}))


def lost(run: Path) -> None:
    leaks_of(run).unlink()


SPOILED = pytest.mark.parametrize("spoil", [leaky, lost])


@SPOILED
def test_compare_and_leaderboard_claim_nothing(spoil: Spoil, capsys: Capture) -> None:
    run = finished_run({"base": 0.2, "museum": 0.4})
    finished_run(RATES)
    assert call("compare", "museum/1", "museum/2") == 0
    assert "museum/2 is better than museum/1" in capsys.readouterr().out
    spoil(run)
    assert call("compare", "museum/1", "museum/2") == 0
    told = capsys.readouterr().out
    assert "no verdict is claimed" in told and "is better" not in told
    assert call("compare", "museum/2", "museum/1", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    verdicts = {row["verdict"] for row in found["rows"] if row.get("verdict")}
    assert verdicts == {"not enough evidence"}
    assert {part["verdict"] for part in found["slices"]} == {"not enough evidence"}
    assert call("leaderboard") == 0
    assert "no verdict is claimed" in capsys.readouterr().out


@SPOILED
def test_the_gate_stays_closed(spoil: Spoil, capsys: Capture) -> None:
    run = finished_run(RATES)
    assert call("gate", "museum", "--against", "base") == 0
    spoil(run)
    assert call("gate", "museum", "--against", "base") == 1
    assert "allows no verdict" in capsys.readouterr().out


def test_the_gate_of_rows_stays_closed() -> None:
    run = rows_run(0.5)
    assert call("gate", "ru", "--against", "base", "--no-safety") == 0
    leaky(run)
    assert call("gate", "ru", "--against", "base", "--no-safety") == 1


@SPOILED
def test_a_judge_gives_none_and_none_is_ever_written(
    spoil: Spoil, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.experiment.judge import run as judging

    run, written = finished_run(RATES, report=True), []
    spoil(run)
    write = judging.write_text
    monkeypatch.setattr(judging, "write_text", lambda p, t: (written.append(t), write(p, t)))
    with recorded(knows) as judge:
        options = ("--model", f"{judge.url}#wise", "--criterion", "relevance", "--count", "20")
        assert call("judge", "museum", *options) == 0
    told = capsys.readouterr()
    assert "no verdict is claimed" in told.err and "prefers" not in told.out
    verdicts = [c["decision"]["verdict"] for t in written for c in json.loads(t)["criteria"]]
    assert verdicts == ["not enough evidence"], "a kill would have left a verdict behind"


@SPOILED
def test_ratings_give_none(spoil: Spoil, tmp_path: Path, capsys: Capture) -> None:
    run = finished_run(RATES)
    assert call("rating", "make", "museum", *SMALL) == 0
    handed = filled_in(run / "rating" / "rating.csv", tmp_path / "a.csv")
    spoil(run)
    assert call("rating", "read", "museum", handed) == 0
    told = capsys.readouterr()
    assert "no verdict is claimed" in told.err and "people prefer" not in told.out
    found = json.loads((run / "ratings.json").read_text())
    assert found["criteria"][0]["decision"]["verdict"] == "not enough evidence"


@SPOILED
def test_the_report_made_again_claims_none_and_quotes_none(
    spoil: Spoil, tmp_path: Path, capsys: Capture
) -> None:
    run = finished_run(RATES, report=True)
    assert call("rating", "make", "museum", str(tmp_path / "hand"), *SMALL) == 0
    handed = filled_in(tmp_path / "hand" / "rating.csv", tmp_path / "a.csv")
    with recorded(knows) as judge:
        options = ("--model", f"{judge.url}#wise", "--criterion", "relevance", "--count", "20")
        assert call("judge", "museum", *options) == 0
    page = (run / "report.html").read_text()
    assert "tuning helped" in page.lower() and "prefers the tuned model" in page
    spoil(run)
    assert call("rating", "read", "museum", handed) == 0
    page, card = ((run / name).read_text() for name in ("report.html", "model_card.md"))
    for text in (page, card):
        assert "tuning helped" not in text.lower() and "prefers the tuned model" not in text
        assert "people prefer" not in text and "o verdict is claimed" in text

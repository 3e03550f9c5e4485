"""`kamerton rating make|read`: blind sheets out, ratings back, in the run's report too."""

import csv
import json
from pathlib import Path

import pytest
from finished_runs import finished_run

from command_line import call
from kamerton.experiment.rating.verdict import read_choices

Capture = pytest.CaptureFixture[str]
RATES = {"base": 0.2, "museum": 0.9}
RIGHT = ("clay", "Archaic", "Kition", "cannot help")
SMALL = ("--criterion", "relevance", "--held-out", "known", "--count", "40")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled_in(sheet: Path, target: Path) -> str:
    """A rater who knows the facts fills in a sheet."""
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        left, right = (any(w in row[side] for w in RIGHT) for side in ("left", "right"))
        row["relevance"] = "tie" if left == right else "left" if left else "right"
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.DictWriter(stream, list(rows[0]))
        out.writeheader()
        out.writerows(rows)
    return str(target)


def test_from_the_sheet_to_the_verdict_and_the_report(tmp_path: Path, capsys: Capture) -> None:
    run = finished_run(RATES, report=True)
    assert call("rating", "make", "museum", str(tmp_path / "hand"), *SMALL, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["shown"] == 40
    assert sorted(p.name for p in (tmp_path / "hand").iterdir()) == ["rating.csv", "rating.html"]
    assert Path(made["key"]) == run.resolve() / "key.json"
    handed = [filled_in(tmp_path / "hand" / "rating.csv", tmp_path / f"{n}.csv") for n in "ab"]
    assert call("rating", "read", "museum", *handed) == 0
    told = capsys.readouterr().out
    assert "people prefer the tuned model" in told and "Krippendorff's alpha 1.00" in told
    found = json.loads((run / "ratings.json").read_text())
    assert found["raters"] == ["a", "b"]
    choices = read_choices(run)
    assert choices is not None and len(choices) == 40
    assert set(choices.values()) == {"tuned", "tie"}
    assert "people prefer the tuned model" in (run / "report.html").read_text()
    assert "What people say" in (run / "model_card.md").read_text()


def test_a_sheet_whose_ratings_are_out_is_not_orphaned(tmp_path: Path, capsys: Capture) -> None:
    run = finished_run(RATES)
    assert call("rating", "make", "museum", *SMALL) == 0
    key = (run / "key.json").read_text()
    assert call("rating", "make", "museum", *SMALL) == 0, "the same sheet may be written again"
    capsys.readouterr()
    assert call("rating", "make", "museum", *SMALL, "--seed", "4") == 2
    assert "the key of another sheet" in capsys.readouterr().err
    assert (run / "key.json").read_text() == key
    assert call("rating", "make", "museum", str(run), *SMALL) == 2
    assert "beside the sheet" in capsys.readouterr().err


def test_an_empty_sheet_rates_nothing_and_calibrates_nothing(capsys: Capture) -> None:
    run = finished_run(RATES)
    assert call("rating", "make", "museum", *SMALL) == 0
    assert call("rating", "read", "museum", str(run / "rating" / "rating.csv")) == 0
    assert "no verdict, as nobody rated anything" in capsys.readouterr().out
    assert read_choices(run) is None


def test_a_run_with_a_leak_gets_no_verdict(tmp_path: Path, capsys: Capture) -> None:
    run = finished_run(RATES, why="leaks_blocking: 2")
    assert call("rating", "make", "museum", *SMALL) == 0
    handed = filled_in(run / "rating" / "rating.csv", tmp_path / "a.csv")
    assert call("rating", "read", "museum", handed) == 0
    told = capsys.readouterr()
    assert "no verdict is claimed" in told.err and "people prefer" not in told.out
    found = json.loads((run / "ratings.json").read_text())
    assert found["criteria"][0]["decision"]["verdict"] == "not enough evidence"


def test_what_is_missing_is_said(tmp_path: Path, capsys: Capture) -> None:
    finished_run(RATES)
    assert call("rating", "read", "museum", str(tmp_path / "a.csv")) == 2
    assert "kamerton rating make museum" in capsys.readouterr().err
    assert call("rating", "make", "museum", "--criterion", "beauty") == 2
    assert "there is no criterion beauty" in capsys.readouterr().err

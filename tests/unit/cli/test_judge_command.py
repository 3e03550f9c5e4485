"""`kamerton judge`: plan, verdict, resumption, hosts, people's ratings, and the run's report."""

import json
from pathlib import Path
from typing import Any

import pytest
from finished_runs import finished_run

from command_line import call
from kamerton.formats.jsonl import write_rows
from unit.experiment.judge.recorded_judge import answers, recorded, says

Capture = pytest.CaptureFixture[str]
RATES = {"base": 0.2, "museum": 0.9}
RIGHT = ("clay", "Archaic", "Kition", "cannot help")


def knows(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
    """A judge that knows the facts."""
    one, two = (any(word in text for word in RIGHT) for text in answers(body))
    return 200, says("tie" if one == two else "1" if one else "2"), {}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_plan_comes_first_then_the_verdict_and_nothing_is_asked_twice(capsys: Capture) -> None:
    run = finished_run(RATES)
    asked = ("judge", "museum", "--criterion", "relevance", "--held-out", "known", "--count", "30")
    with recorded(knows) as judge:
        options = (*asked, "--model", f"{judge.url}#wise")
        assert call(*options, "--dry-run", "--json") == 0
        plan = json.loads(capsys.readouterr().out)
        assert (plan["requests"], plan["done"], plan["measured"]) == (60, 0, False)
        assert judge.bodies == [] and not (run / "judge.json").exists()
        assert call(*options) == 0
        told = capsys.readouterr()
        assert "60 requests" in told.err and "prefers the tuned model" in told.out
        assert len(judge.bodies) == 60
        assert call(*options, "--json") == 0
        assert len(judge.bodies) == 60, "an answered request was sent again"
    found = json.loads(capsys.readouterr().out)
    assert [one["criterion"] for one in found["criteria"]] == ["relevance"]
    assert found == json.loads((run / "judge.json").read_text())
    assert found["model"] == "wise" and found["criteria"][0]["decision"]["verdict"] == "better"


def test_texts_leave_the_machine_only_where_that_is_said_and_masked(capsys: Capture) -> None:
    finished_run(RATES, recipe={"judge": {"base_url": "http://judge.example/v1", "model": "m"}})
    assert call("judge", "museum", "--dry-run") == 2
    assert "judge.example is not on this machine" in capsys.readouterr().err
    for options in (["--leaves-machine"], ["--trust", "judge.example"]):
        assert call("judge", "museum", "--dry-run", "--json", *options) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["leaves_machine"] is (options == ["--leaves-machine"])


def test_personal_data_is_masked_by_what_the_recipe_looks_for(tmp_path: Path) -> None:
    from kamerton.app.judging import _mask

    mask = _mask({"data": {"privacy": {"find": []}}})
    assert mask("write to ivan@example.org") == "write to <EMAIL>"


def test_a_run_with_a_leak_gets_figures_and_no_verdict(capsys: Capture) -> None:
    run = finished_run(RATES, why="leaks_blocking: 2")
    with recorded(knows) as judge:
        assert call("judge", "museum", "--model", f"{judge.url}#wise", "--count", "40") == 0
    told = capsys.readouterr()
    assert "no verdict is claimed" in told.err and "prefers" not in told.out
    found = json.loads((run / "judge.json").read_text())
    assert {c["decision"]["verdict"] for c in found["criteria"]} == {"not enough evidence"}
    assert found["criteria"][0]["tuned"] > 0


def test_people_calibrate_the_judge(capsys: Capture) -> None:
    from kamerton.experiment.rating.verdict import CHOICES, Chosen
    from kamerton.formats.scores import Sample

    run = finished_run(RATES)
    rows = [Sample.model_validate_json(line) for line in (run / "samples.jsonl").open()]
    right = {(s.arm, s.question_id): any(word in s.answer for word in RIGHT) for s in rows}
    said = [
        Chosen(
            pair=key,
            criterion="relevance",
            choice="base" if right["museum", key] > right["base", key] else "tie",
            raters={"anna": "base"},
        )
        for _, key in dict.fromkeys(("", s.question_id) for s in rows)
    ]
    write_rows(run / CHOICES, said)
    with recorded(knows) as judge:
        options = ("--model", f"{judge.url}#wise", "--criterion", "relevance")
        assert call("judge", "museum", *options) == 0
    assert "does not agree with people well enough" in capsys.readouterr().out


def test_the_report_and_the_card_say_it_when_they_are_made_again(capsys: Capture) -> None:
    run = finished_run(RATES, report=True)
    with recorded(knows) as judge:
        options = ("--model", f"{judge.url}#wise<b>", "--criterion", "relevance", "--count", "20")
        assert call("judge", "museum", *options) == 0
    page, card = ((run / name).read_text() for name in ("report.html", "model_card.md"))
    assert "What the judge model wise&lt;b&gt; says" in page and "wise<b>" not in page
    assert page.count("prefers the tuned model") == 1 and "one model&#39;s opinion" in page
    (line,) = [line for line in card.splitlines() if "What the judge model" in line]
    assert "prefers the tuned model" in line and "opinion" not in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "--model URL#NAME"),
        (["--model", "http://127.0.0.1:9/v1"], "--model URL#NAME"),
        (["--model", "http://127.0.0.1:9/v1#m", "--set", "alpah=1"], "Did you mean alpha?"),
        (["--model", "http://127.0.0.1:9/v1#m", "--held-out", "rows"], "it has: known, safety"),
        (["--model", "http://127.0.0.1:9/v1#m", "--against", "old"], "it has: base, museum"),
        (["--model", "http://127.0.0.1:9/v1#m", "--criterion", "beauty"], "criteria"),
    ],
)
def test_what_is_wrong_is_said(options: list[str], expected: str, capsys: Capture) -> None:
    finished_run(RATES)
    assert call("judge", "museum", *options) == 2
    assert expected in capsys.readouterr().err

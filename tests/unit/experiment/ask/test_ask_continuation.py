"""Continuations: what ended, what loops, side by side on a page."""

import json
from pathlib import Path
from typing import Any

import pytest
from completing import completing, served

from kamerton.experiment.ask.asking import How
from kamerton.experiment.ask.continuation.beginnings import Beginning, read_beginnings
from kamerton.experiment.ask.continuation.evaluate import Continuing, evaluate
from kamerton.experiment.ask.continuation.words import lines
from kamerton.experiment.ask.score_page import continuation_page
from kamerton.formats.errors import InputError

BEGINNINGS = [Beginning("a", "Once"), Beginning("b", "Then <b>he</b>"), Beginning("c", "At last")]


def said(body: dict[str, Any]) -> str:
    if body["prompt"] == "Once":
        return " upon a time" + " and on and on and on" * 12
    return f" <i>{body['seed'] % 97}</i> came home."


def test_shares_and_files(tmp_path: Path) -> None:
    with completing(said) as there:
        found, rows = evaluate(Continuing("it"), BEGINNINGS, served(there.url), tmp_path)
        assert [body["temperature"] for body in there.bodies] == [0, 0, 0]
        evaluate(Continuing("it"), BEGINNINGS, served(there.url), tmp_path)
        assert len(there.bodies) == 3  # nothing is asked twice
    assert found.looped.mean == pytest.approx(1 / 3) and found.ended.mean == 1
    assert found.method == "wilson" and [row.loops for row in rows] == [[True], [False], [False]]
    kept = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["question"] for row in kept] == [one.text for one in BEGINNINGS]
    assert kept[2]["answers"][0].endswith("came home.") and kept[0]["loops"] == [True]
    assert "33.33 %" in "\n".join(lines(found))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_samples_side_by_side(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    what = Continuing("it", How(4, 0.9, 20, seed=3), limit=2)
    with completing(said) as there:
        found, rows = evaluate(what, BEGINNINGS, served(there.url), tmp_path)
        assert len(there.bodies) == 8 and there.bodies[0]["max_tokens"] == 20
    assert (found.beginnings, found.answers, found.method) == (2, 8, "bootstrap")
    assert found.looped.mean == 0.5 and len(set(rows[1].answers)) > 1
    page = continuation_page(found, rows, tmp_path).read_text("utf-8")
    assert page.count('class="asked"') == 2 and page.count('class="why"') == 8
    assert "<b>he" not in page and "&lt;i&gt;" in page
    assert ("закончила сама" in page) == (language == "ru")


def test_beginnings_of_tables_and_lines(tmp_path: Path) -> None:
    text = tmp_path / "p.txt"
    text.write_text("One \n\nTwo\u2028still two\n", "utf-8")
    assert [one.text for one in read_beginnings(text)] == ["One ", "Two\u2028still two"]
    table = tmp_path / "p.jsonl"
    table.write_text('{"id": "x", "prompt": "One "}\n{"id": "y", "prompt": ""}\n', "utf-8")
    with pytest.raises(InputError, match=r"p.jsonl:2: “prompt” is empty"):
        read_beginnings(table)
    table.write_text('{"id": "x", "start": "One "}\n', "utf-8")
    assert read_beginnings(table, "start") == [Beginning("x", "One ")]
    with pytest.raises(InputError, match=r"no column “prompt”.*--text-column"):
        read_beginnings(table)

"""Continuations: what ended, what loops, side by side on a page."""

import json
from pathlib import Path
from typing import Any

import pytest
from completing import completing, served

from kamerton.client.connection import Model
from kamerton.experiment.ask.asking import Prompt, SamplingParams
from kamerton.experiment.ask.evaluate import Report, evaluate
from kamerton.experiment.report.blocks import html
from kamerton.experiment.tasks import Columns, Options
from kamerton.experiment.tasks.continuation import (
    ContinuationResults,
    Continued,
    continuation,
    read_prompts,
)
from kamerton.formats.errors import InputError

PROMPTS = [Prompt("a", "Once"), Prompt("b", "Then <b>he</b>"), Prompt("c", "At last")]


def evaluated(
    options: Options, model: Model, out: Path
) -> tuple[ContinuationResults, list[Continued], Report]:
    report = evaluate(continuation(options, PROMPTS), model, out)
    assert isinstance(report.results, ContinuationResults)
    rows = [row for row in report.files["answers.jsonl"] if isinstance(row, Continued)]
    return report.results, rows, report


def said(body: dict[str, Any]) -> str:
    if body["prompt"] == "Once":
        return " upon a time" + " and on and on and on" * 12
    return f" <i>{body['seed'] % 97}</i> came home."


def test_shares_and_files(tmp_path: Path) -> None:
    with completing(said) as there:
        found, rows, report = evaluated(Options(title="it"), served(there.url), tmp_path)
        assert [body["temperature"] for body in there.bodies] == [0, 0, 0]
        evaluated(Options(title="it"), served(there.url), tmp_path)
        assert len(there.bodies) == 3  # nothing is asked twice
    assert found.looped.mean == pytest.approx(1 / 3) and found.ended.mean == 1
    assert found.method == "wilson" and [row.loops for row in rows] == [[True], [False], [False]]
    kept = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["question"] for row in kept] == [one.text for one in PROMPTS]
    assert kept[2]["answers"][0].endswith("came home.") and kept[0]["loops"] == [True]
    assert "33.33 %" in "\n".join(report.lines)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_samples_side_by_side(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    config = Options(sampling=SamplingParams(4, 0.9, 20, seed=3), limit=2)
    with completing(said) as there:
        found, rows, report = evaluated(config, served(there.url), tmp_path)
        assert len(there.bodies) == 8 and there.bodies[0]["max_tokens"] == 20
    assert (found.beginnings, found.answers, found.method) == (2, 8, "constant")
    assert found.looped.mean == 0.5 and len(set(rows[1].answers)) > 1
    page = html(report.page)
    assert page.count('class="asked"') == 2 and page.count('class="why"') == 8
    assert "<b>he" not in page and "&lt;i&gt;" in page
    assert ("закончила сама" in page) == (language == "ru")


def test_prompts_of_tables_and_lines(tmp_path: Path) -> None:
    text = tmp_path / "p.txt"
    text.write_text("One \n\nTwo\u2028still two\n", "utf-8")
    assert [one.text for one in read_prompts(text, Columns())] == ["One ", "Two\u2028still two"]
    table = tmp_path / "p.jsonl"
    table.write_text('{"id": "x", "prompt": "One "}\n{"id": "y", "prompt": ""}\n', "utf-8")
    with pytest.raises(InputError, match=r"p.jsonl:2: “prompt” is empty"):
        read_prompts(table, Columns())
    table.write_text('{"id": "x", "start": "One "}\n', "utf-8")
    assert read_prompts(table, Columns(text="start")) == [Prompt("x", "One ")]
    with pytest.raises(InputError, match=r"no column “prompt”.*--text-column"):
        read_prompts(table, Columns())

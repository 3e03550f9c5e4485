"""What a run offers to be served: its export, its recipe's settings, questions to try."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamerton.app.recipe import Recipe
from kamerton.app.serving import served
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.questions import Question
from kamerton.formats.serving import FILE
from kamerton.pipeline import folder as folders

ROWS: dict[str, Any] = {"kind": "rows", "sources": [{"name": "r.jsonl"}]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_of(recipe: dict[str, Any], *stages: str) -> Path:
    """A finished run of these stages; those that make data have questions on known groups."""
    names = {}
    for name in stages:
        folder = folders.stage_folder(folders.ROOT, name, "1")
        folder.mkdir(parents=True)
        names[name] = str(folder.relative_to(folders.ROOT))
        if name.startswith("data") and recipe.get("data", {}).get("kind") != "rows":
            asked = [question(f"{name} {number}?") for number in range(9)]
            write_rows(folder / "known.jsonl", asked)
    place = folders.new_run(folders.ROOT, "r")
    whole = Recipe.model_validate({"name": "r", "serve": {"slots": 3}} | recipe)
    (place / folders.RECIPE).write_text(whole.model_dump_json())
    folders.RunRecord(recipe="r", recipe_file="r", folder=".", stages=names).write(place)
    return place


def question(text: str) -> Question:
    return Question(id=text, question=text, answer="A.", group="g", key=("a",), held_out="known")


def test_a_guide_is_served_with_a_few_of_its_questions() -> None:
    run_of({}, "data", "export")
    what = served("r")
    assert what.folder.name == "export-1" and what.settings.slots == 3
    assert what.examples == ["data 0?", "data 2?", "data 4?", "data 6?"]


def test_rows_are_served_without_questions() -> None:
    run_of({"data": ROWS, "tune": {}}, "data", "export")
    assert served("r").examples == []


def test_adapters_bring_questions_of_each() -> None:
    parts = {"a": {"data": {"questions": "q.csv"}}, "b": {"data": ROWS}}
    run_of({"adapters": parts}, "data-a", "data-b", "export")
    assert served("r").examples[0] == "data-a 0?"


def test_a_run_without_a_model_is_refused_and_a_folder_needs_no_run() -> None:
    run_of({"data": ROWS}, "data")
    with pytest.raises(InputError) as caught:
        served("r")
    assert "nothing to serve" in str(caught.value)
    Path("model").mkdir()
    Path("model", FILE).write_text(json.dumps({}))
    assert served("model").folder == Path("model")


def test_another_servers_address_is_served_without_a_folder() -> None:
    what = served("http://127.0.0.1:11434/v1")
    assert what.folder is None and what.examples == []
    assert [server.base_url for server in what.settings.remote] == ["http://127.0.0.1:11434/v1"]

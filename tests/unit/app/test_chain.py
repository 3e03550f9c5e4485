"""Recipes that `then` names are read and checked before the first recipe's first stage."""

from pathlib import Path
from typing import Any

import pytest

from command_line import call
from kamerton.app import run as runs

Capture = pytest.CaptureFixture[str]
ROWS = "{kind: rows, rights: {licence: MIT}, sources: [{name: rows.jsonl}]}"
ROW = '{"question": "Q?", "answer": "A."}\n'


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The stages that would have been started, and none is."""
    monkeypatch.chdir(tmp_path)
    started: list[list[str]] = []

    def note(chosen: list[Any], *_: object) -> list[str]:
        started.append([item.name for item in chosen])
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "execute", note)
    return started


def recipes(folder: Path, following: str, text: str) -> str:
    """A recipe whose `then` stands in line 3, and the text of the next one."""
    (folder / "rows.jsonl").write_text(ROW, "utf-8")
    first = f"name: first\ndata: {ROWS}\nthen: [{following}]\npresets: {{small: {{seed: 1}}}}\n"
    (folder / "recipe.yaml").write_text(first, "utf-8")
    if text:
        (folder / "next.yaml").write_text(text, "utf-8")
    return str(folder / "recipe.yaml")


@pytest.mark.parametrize(
    ("following", "text", "told"),
    [
        ("next.yaml", f"data: {ROWS}\ntune:\n  rnak: 3\n", "next.yaml:3: unknown key tune.rnak"),
        ("next.yaml", f"data: {ROWS}\ntune: {{rank: many}}\n", "next.yaml:2: tune.rank"),
        ("next.yaml", "name: [1]\n", "next.yaml:1: name"),
        ("next.yaml", "- a\n- b\n", "next.yaml"),
        ("next.yaml", "data: {catalogue: no.yaml, phrasings: p.yaml}\n", "data.catalogue"),
        ("next.yaml", "data: {questions: q.csv, safety: s.jsonl}\n", "data.questions"),
        (
            "next.yaml",
            "data:\n  kind: rows\n  sources: [{name: gone.jsonl}]\ntune: {}\n",
            "next.yaml:3: data.sources",
        ),
        ("next.yaml", "data: {kind: corpus, source: gone}\npretrain: {}\n", "data.source"),
        (
            "next.yaml",
            "data: {kind: corpus, source: .}\npretrain: {prompts: p.txt}\n",
            "pretrain.prompts",
        ),
        ("next.yaml", f"adapters: {{a: {{data: {ROWS.replace('rows.', 'no.')}}}}}\n", "a.data"),
        ("next.yaml", f"data: {ROWS}\ntune: {{start_from: nobody}}\n", "tune.start_from"),
        ("gone.yaml", "", "recipe.yaml:3: then"),
    ],
)
def test_a_fault_of_a_later_recipe_is_told_before_anything_runs(
    following: str,
    text: str,
    told: str,
    tmp_path: Path,
    executed: list[list[str]],
    capsys: Capture,
) -> None:
    assert call("run", recipes(tmp_path, following, text)) == 2
    said = capsys.readouterr().err
    assert told in said and "Traceback" not in said
    assert executed == [] and not (tmp_path / "runs").exists()


def test_sound_recipes_are_run_in_turn(
    tmp_path: Path, executed: list[list[str]], capsys: Capture
) -> None:
    sound = "name: second\ndata: {kind: corpus, source: runs/first/latest/texts}\npretrain: {}\n"
    assert call("run", recipes(tmp_path, "next.yaml", sound), "--preset", "small") == 130
    assert executed == [["check", "data"]]


def test_one_stage_alone_asks_nothing_of_later_recipes(
    tmp_path: Path, executed: list[list[str]]
) -> None:
    assert call("run", recipes(tmp_path, "gone.yaml", ""), "--only", "data") == 130
    assert executed == [["data"]]


def test_a_later_recipe_may_start_from_what_an_earlier_one_will_make(
    tmp_path: Path, executed: list[list[str]], capsys: Capture
) -> None:
    later = f"name: second\ndata: {ROWS}\ntune: {{start_from: first}}\n"
    recipe = recipes(tmp_path, "next.yaml", later)
    assert call("run", recipe) == 130
    assert executed == [["check", "data"]]
    assert call("run", recipe, "--dry-run") == 0
    assert "tune.start_from" in capsys.readouterr().out

"""A question that several people rated is learnt from nobody where it is held out for one."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop.data.rows.run import prepare
from kamerton.develop.settings import RowsSettings
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import same_prompt
from kamerton.formats.jsonl import read_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

THINGS = ["idol", "bowl", "krater", "ring", "statue", "jar", "lamp", "coin", "sword", "mask"]
SPELT = ["What is the {} made of?", "what is  the {} made of?", "What is the {} MADE of?"]
SAID = [
    "Bronze, cast by smiths, item {}.",
    "Soft green stone: {} others exist too.",
    "Clay out of rivers, fired {} times.",
]
"""Answers that have little in common: nearly equal rows go before leaks are looked for."""
FORMS: dict[str, Any] = {"dpo": PreferenceRow, "kto": KtoRow}


def ratings(form: str) -> list[dict[str, Any]]:
    """Three people rate answers of their own to each of ten questions, each in their spelling."""
    found = []
    for n in range(30):
        thing, user = THINGS[n // 3], n % 3
        said = {"kind": "pair", "rival": f"Number {n}.", "rival_model": "b", "chosen": "answer"}
        vote = {"kind": "vote", "vote": "up" if n % 2 else "down"}
        found.append(
            {
                "id": f"r{n}",
                "time": "2026-09-14T09:00:00Z",
                "model": "museum",
                "messages": [
                    {"role": "user", "content": SPELT[user].format(thing)},
                    {"role": "assistant", "content": SAID[user].format(n)},
                ],
                "rating": said if form == "dpo" else vote,
                "user": f"u{user}",
                "consent": True,
            }
        )
    return found


def made(folder: Path, form: Any, on_leak: str) -> None:
    lines = (json.dumps(row) + "\n" for row in ratings(form))
    (folder / "feedback.jsonl").write_text("".join(lines), "utf-8")
    settings = RowsSettings.model_validate(
        {
            "kind": "rows",
            "sources": [{"name": "feedback.jsonl"}],
            "held_out": 0.15,
            "on_leak": on_leak,
            "rights": {"licence": "MIT"},
        }
    )
    prepare(settings, folder, folder / "out", 7, form)


@pytest.mark.parametrize("form", ["dpo", "kto"])
def test_no_question_is_on_both_sides(tmp_path: Path, form: str) -> None:
    made(tmp_path, form, "drop")
    train, held_out = (
        [same_prompt(r.prompt[-1].content) for r in read_rows(tmp_path / "out" / name, FORMS[form])]
        for name in ("train.jsonl", "held_out.jsonl")
    )
    assert held_out and train and not set(train) & set(held_out)
    gone = json.loads((tmp_path / "out" / "dropped.json").read_text())
    assert any(reason.startswith("leak") for reason in gone.values())


@pytest.mark.parametrize("form", ["dpo", "kto"])
def test_where_leaks_stop_the_run_such_a_question_stops_it(tmp_path: Path, form: str) -> None:
    with pytest.raises(InputError) as caught:
        made(tmp_path, form, "stop")
    assert caught.value.key == "develop.rows_leak"

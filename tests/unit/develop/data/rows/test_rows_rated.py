"""Rated rows: ratings and ready preferences to a dataset, apart from what is held out."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop.data.rows.run import prepare, survey
from kamerton.develop.settings import RowsSettings
from kamerton.formats.chat import chat
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import same_prompt
from kamerton.formats.jsonl import read_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

THINGS = ["idol", "bowl", "krater", "ring", "statue", "jar", "lamp", "coin", "sword", "mask"]


def settings(**changes: Any) -> RowsSettings:
    base: dict[str, Any] = {"kind": "rows", "sources": [{"name": "rows.jsonl"}]}
    return RowsSettings.model_validate(base | {"rights": {"licence": "MIT"}} | changes)


def feedback(
    number: int, question: str, answer: str, rated: dict[str, str], consent: bool = True
) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "time": "2026-09-14T09:00:00Z",
        "model": "museum",
        "messages": [turn.model_dump() for turn in chat("", question, answer)],
        "rating": rated,
        "user": f"u{number % 3}",
        "consent": consent,
    }


def rating(number: int, rated: dict[str, str], consent: bool = True) -> dict[str, Any]:
    question = f"What is the {THINGS[number]} in case {number} made of?"
    answer = f"The {THINGS[number]} is of bronze, number {number}."
    return feedback(number, question, answer, rated, consent)


def pair(number: int, **changes: Any) -> dict[str, Any]:
    rival = f"Write to anna@example.org about the {THINGS[number]}, a most charming piece indeed."
    said = {"kind": "pair", "rival": rival, "rival_model": "base", "chosen": "answer"}
    return rating(number, said, **changes)


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text("".join(lines), "utf-8")


def test_pairs_become_rows_for_dpo_with_personal_data_masked(tmp_path: Path) -> None:
    write(tmp_path, [pair(n) for n in range(9)] + [pair(9, consent=False)])
    prepare(settings(held_out=0.3), tmp_path, tmp_path / "out", 7, "dpo")
    train = read_rows(tmp_path / "out" / "train.jsonl", PreferenceRow)
    held_out = read_rows(tmp_path / "out" / "held_out.jsonl", PreferenceRow)
    assert len(train) + len(held_out) == 9 and held_out
    assert "r9" not in {row.id for row in train + held_out}
    assert all("anna@" not in row.rejected and "<EMAIL>" in row.rejected for row in train)
    assert {row.group for row in train} <= {"u0", "u1", "u2"}


def test_the_split_of_ratings_does_not_change_when_more_arrive(tmp_path: Path) -> None:
    sides = []
    for count in (6, 10):
        write(tmp_path, [pair(n) for n in range(count)])
        prepare(settings(held_out=0.4), tmp_path, tmp_path / str(count), 7, "dpo")
        rows = read_rows(tmp_path / str(count) / "held_out.jsonl", PreferenceRow)
        sides.append({row.id for row in rows})
    assert sides[0] and sides[0] == {name for name in sides[1] if int(name[1:]) < 6}


def test_votes_become_rows_for_kto_and_good_answers_rows_for_sft(tmp_path: Path) -> None:
    votes = [rating(n, {"kind": "vote", "vote": "up" if n % 2 else "down"}) for n in range(10)]
    write(tmp_path, votes)
    prepare(settings(held_out=0), tmp_path, tmp_path / "kto", 7, "kto")
    labels = [row.label for row in read_rows(tmp_path / "kto" / "train.jsonl", KtoRow)]
    assert sorted(labels) == [False] * 5 + [True] * 5
    prepare(settings(held_out=0), tmp_path, tmp_path / "sft", 7)
    chats = (tmp_path / "sft" / "train.jsonl").read_text("utf-8").splitlines()
    assert len(chats) == 5, "an answer that people disliked is not learnt"


def test_ready_pairs_are_split_by_group(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"What is the {t}?", "chosen": f"A {t}.", "rejected": "No.", "group": t}
        for t in THINGS
    ]
    write(tmp_path, rows)
    prepare(settings(held_out=0.3), tmp_path, tmp_path / "out", 7, "dpo")
    sides = [
        {row.group for row in read_rows(tmp_path / "out" / f"{name}.jsonl", PreferenceRow)}
        for name in ("train", "held_out")
    ]
    assert len(sides[0]) == 7 and len(sides[1]) == 3 and not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("rows", "objective", "changes", "told"),
    [
        ([{"question": "Q?", "answer": "A."}], "dpo", {}, "none that dpo learns from"),
        ([pair(0)], "kto", {}, "choose another objective"),
        ([pair(0)], "dpo", {"sources": [{"name": "rows.jsonl", "count": 1}]}, "without count"),
        ([{"prompt": "Q?", "completion": "A."}], "kto", {}, "none that kto learns from"),
    ],
)
def test_what_cannot_be_learnt_is_told_by_the_check(
    rows: list[dict[str, Any]],
    objective: Any,
    changes: dict[str, Any],
    told: str,
    tmp_path: Path,
) -> None:
    write(tmp_path, rows)
    with pytest.raises(InputError, match=told):
        survey(settings(**changes), tmp_path, 7, objective)


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
        rated = said if form == "dpo" else vote
        found.append(feedback(n, SPELT[user].format(thing), SAID[user].format(n), rated))
    return found


def made(folder: Path, form: Any, on_leak: str) -> None:
    write(folder, ratings(form))
    prepare(settings(held_out=0.15, on_leak=on_leak), folder, folder / "out", 7, form)


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

"""A rating as a row, and the decision which ratings are held out."""

import json
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import normalize

import pytest
from pydantic import ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.feedback import Edit, FeedbackRow, Pair, Vote, is_held_out, same_prompt
from kamerton.formats.jsonl import read_rows, write_rows

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is the  Idol?"},
    {"role": "assistant", "content": "In Nicosia."},
    {"role": "user", "content": "Which museum?"},
    {"role": "assistant", "content": "The Cyprus Museum."},
]
ROW: dict[str, object] = {
    "id": "r1",
    "time": "2026-03-01T10:00:00Z",
    "model": "museum+rag",
    "adapter": "ab" * 32,
    "messages": TURNS,
    "rating": {"kind": "vote", "vote": "up"},
    "user": "u1",
    "consent": True,
    "held_out": False,
}


@pytest.mark.parametrize(
    ("rating", "expected"),
    [
        ({"kind": "vote", "vote": "down"}, Vote(vote="down")),
        ({"kind": "edit", "text": "In Paphos."}, Edit(text="In Paphos.")),
        (
            {"kind": "pair", "rival": "No.", "rival_model": "base", "chosen": "tie"},
            Pair(rival="No.", rival_model="base", chosen="tie"),
        ),
    ],
)
def test_each_kind_is_read_and_written_again(
    tmp_path: Path, rating: dict[str, str], expected: object
) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_text(json.dumps(ROW | {"rating": rating}) + "\n")
    (row,) = read_rows(path, FeedbackRow)
    assert row.rating == expected and row.kind == rating["kind"]
    write_rows(path, [row])
    assert read_rows(path, FeedbackRow) == [row]
    assert json.loads(path.read_text())["time"] == "2026-03-01T10:00:00Z"


def test_what_a_row_tells() -> None:
    row = FeedbackRow.model_validate(ROW)
    assert row.answer == "The Cyprus Museum."
    assert [turn.role for turn in row.prompt] == ["system", "user", "assistant", "user"]
    assert row.questions == ["where is the idol?", "which museum?"]
    with pytest.raises(ValidationError):
        row.consent = False  # type: ignore[misc]


def test_times_are_kept_in_utc() -> None:
    row = FeedbackRow.model_validate(ROW | {"time": "2026-03-01T13:00:00+03:00"})
    assert row.time == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert '"time":"2026-03-01T10:00:00Z"' in row.model_dump_json()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"time": "2026-03-01T10:00:00"}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"messages": TURNS[:-1]}, "last two turns"),
        ({"messages": [TURNS[0], TURNS[-1]]}, "last two turns"),
        ({"messages": []}, "last two turns"),
        ({"rating": {"kind": "vote", "vote": "maybe"}}, "rating.vote.vote"),
        ({"rating": {"kind": "stars", "stars": 5}}, "rating"),
        ({"rating": {"kind": "edit", "text": ""}}, "rating.edit.text"),
        ({"rating": {"kind": "pair", "rival": "No.", "chosen": "tie"}}, "rival_model"),
        ({"user": ""}, "user"),
        ({"email": "me@example.com"}, "email"),
        ({"consent": None}, "consent"),
    ],
)
def test_a_wrong_row_names_line_and_field(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"id": "r2"} | change) + "\n")
    with pytest.raises(InputError) as caught:
        read_rows(path, FeedbackRow)
    assert "feedback.jsonl:2" in str(caught.value) and expected in str(caught.value)


def test_consent_must_be_said(tmp_path: Path) -> None:
    silent = {key: value for key, value in ROW.items() if key != "consent"}
    with pytest.raises(ValidationError):
        FeedbackRow.model_validate(silent)


def test_the_decision_never_changes() -> None:
    """These were decided when the rule was written: another hash would learn held-out prompts."""
    held = [n for n in range(40) if is_held_out("u", f"prompt {n}", 0.2, 7)]
    assert held == [0, 8, 15, 22, 25, 34, 37]
    held = [n for n in range(40) if is_held_out("ю", f"Вопрос {n}", 0.2, 7)]
    assert held == [2, 5, 6, 7, 12, 14, 18, 26, 29, 32, 34, 35]


def test_the_share_is_kept_and_a_larger_one_holds_out_more() -> None:
    prompts = [f"What is number {n}?" for n in range(4000)]
    held = {s: {p for p in prompts if is_held_out("u", p, s, 1)} for s in (0.0, 0.1, 0.3, 1.0)}
    assert held[0.0] == set() and held[1.0] == set(prompts)
    assert held[0.1] < held[0.3]
    assert 0.07 < len(held[0.1]) / 4000 < 0.13
    assert held[0.1] != {p for p in prompts if is_held_out("u", p, 0.1, 2)}
    assert held[0.1] != {p for p in prompts if is_held_out("other", p, 0.1, 1)}


def test_the_spelling_of_a_prompt_makes_no_difference() -> None:
    text = "Где  хранится\nЁлка Straße?"
    others = [text.upper(), normalize("NFD", text), f" {text} ", same_prompt(text)]
    assert {same_prompt(other) for other in others} == {same_prompt(text)}
    for number in range(50):
        decided = {is_held_out("u", f"{other} {number}", 0.5, 3) for other in others}
        assert len(decided) == 1
    assert same_prompt("a b") != same_prompt("ab")

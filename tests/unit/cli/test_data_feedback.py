"""`kamerton data feedback`: from ratings on disk to rows on disk."""

import json
from pathlib import Path

import pytest

from command_line import call

Capture = pytest.CaptureFixture[str]


def rating(number: int, **changes: object) -> dict[str, object]:
    messages = [
        {"role": "user", "content": f"What is exhibit {number}?"},
        {"role": "assistant", "content": f"It is bowl {number}."},
    ]
    base: dict[str, object] = {
        "id": f"r{number}",
        "time": "2026-11-21T09:00:00Z",
        "model": "museum",
        "messages": messages,
        "rating": {"kind": "edit", "text": f"It is bowl {number}, of clay."},
        "user": "u1",
        "consent": True,
    }
    return base | changes


def test_edits_become_preferences(tmp_path: Path, capsys: Capture) -> None:
    rows = [rating(n) for n in range(20)] + [rating(99, consent=False)]
    (tmp_path / "votes.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert (
        call("data", "feedback", str(tmp_path / "votes.jsonl"), str(tmp_path / "out"), "--json")
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["read"] == 21 and report["no_consent"] == 1
    assert report["train"] + report["held_out"] == 20 and report["held_out"] > 0
    first = json.loads((tmp_path / "out" / "train.jsonl").read_text().splitlines()[0])
    assert first["chosen"].endswith("of clay.") and first["rejected"] != first["chosen"]


def test_a_bad_rating_names_its_line(tmp_path: Path, capsys: Capture) -> None:
    bad = rating(1, rating={"kind": "vote", "vote": "sideways"})
    (tmp_path / "votes.jsonl").write_text(json.dumps(rating(0)) + "\n" + json.dumps(bad))
    assert call("data", "feedback", str(tmp_path / "votes.jsonl"), str(tmp_path / "out")) == 2
    assert "votes.jsonl:2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

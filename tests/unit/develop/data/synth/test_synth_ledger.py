"""The ledger of a teacher: sums, the budget, verdicts, and one that was recorded earlier."""

from pathlib import Path

import pytest

from kamerton.develop.data.synth.ledger import Ledger, LedgerRow, failures
from kamerton.formats.errors import InputError


def row(id_: str, **changes: object) -> LedgerRow:
    whole: dict[str, object] = {
        "id": id_,
        "host": "localhost:1",
        "model": "scribe",
        "prompt_hash": "p",
        "template_hash": "t",
        "brief_id": "b",
        "seed": 1,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost": 0.5,
        "seconds": 0.1,
        "attempts": 1,
        "status": "accepted",
        "text": "Ёж\u2028и уж\nвместе",
    }
    return LedgerRow.model_validate(whole | changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    book = Ledger(tmp_path / "new" / "ledger.jsonl")
    for name in "abc":
        book.append(row(name))
    return book.path


def test_sums_go_on_from_an_earlier_start(path: Path) -> None:
    book = Ledger(path)
    assert (book.tokens, book.cost) == (45, 1.5)
    book.append(row("d", status="failed", text="", cost=0.25))
    assert (book.tokens, book.cost) == (60, 1.75)
    assert (Ledger(path).tokens, Ledger(path).cost) == (60, 1.75)


@pytest.mark.parametrize(
    ("tokens", "cost", "over"),
    [(46, None, False), (45, None, True), (None, 1.51, False), (None, 1.5, True), (46, 1.5, True)],
)
def test_the_budget_ends_when_either_limit_is_reached(
    path: Path, tokens: int | None, cost: float | None, over: bool
) -> None:
    assert Ledger(path).over(tokens, cost) is over
    assert not Ledger(path).over(None, None)


def test_a_failed_request_is_not_answered_until_it_is(path: Path) -> None:
    book = Ledger(path)
    for again in range(2):
        book.append(row("d", status="failed", text="", reason=f"HTTP 50{again}"))
    assert "d" not in book.answered()
    assert [found.reason for found in failures(book.rows)] == ["HTTP 501"]
    book.append(row("d"))
    assert "d" in book.answered() and failures(book.rows) == []


def test_verdicts_are_written_and_failures_keep_theirs(path: Path) -> None:
    book = Ledger(path)
    book.append(row("d", status="failed", text="", reason="HTTP 500"))
    book.decide({"a": "near", "b": "", "d": ""})
    found = {one.id: (one.status, one.reason) for one in Ledger(path).rows}
    assert found["a"] == ("rejected", "near") and found["b"] == ("accepted", "")
    assert found["c"] == ("accepted", "") and found["d"] == ("failed", "HTTP 500")
    book.decide({"a": ""})
    assert Ledger(path).rows[0].status == "accepted"


def test_a_recorded_ledger_is_taken_once(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "own" / "ledger.jsonl"
    Ledger(own, path).append(row("d"))
    assert [found.id for found in Ledger(own, path).rows] == list("abcd")
    assert len(Ledger(path).rows) == 3
    with pytest.raises(InputError, match="nowhere"):
        Ledger(tmp_path / "x.jsonl", tmp_path / "nowhere.jsonl")

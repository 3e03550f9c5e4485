"""The whole way from products to rows: kills, budgets, orders of completion, keys."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_teacher import FakeTeacher, good_text

from kamerton.develop.data.rows.run import prepare
from kamerton.develop.data.synth import plan as prompts
from kamerton.develop.data.synth.ledger import Ledger, LedgerRow
from kamerton.develop.data.synth.plan import plan
from kamerton.develop.data.synth.run import synthesise
from kamerton.develop.settings.data import RowsSettings
from kamerton.develop.settings.synth import SynthSettings
from kamerton.formats.brief import BRIEFS, SYNTH, read_orders
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows

Make = Callable[..., SynthSettings]
FILES = ("train.jsonl", "test.jsonl", "briefs.jsonl", "synth.json")
KEY = "sk-very-secret-key-0123456789"

pytestmark = pytest.mark.usefixtures("no_pauses", "far_apart")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "synth.json").read_text("utf-8"))
    return found


def test_briefs_become_rows_with_all_that_they_came_from(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    synthesise(settings(price_prompt=2, price_completion=10), home, out, 1)
    train, test = (read_rows(out / f"{s}.jsonl", ChatRow) for s in ("train", "test"))
    assert (len(train), len(test)) == (12, 4)
    assert not {row.group for row in train} & {row.group for row in test}
    ledger = {row.id: row for row in Ledger(out / "ledger.jsonl").rows}
    for row in (*train, *test):
        source = ledger[row.origin.removeprefix("ledger.jsonl#")]
        assert [turn.role for turn in row.messages] == ["system", "user", "assistant"]
        assert row.answer == source.text and row.group and row.group in row.prompt
    orders = read_orders(out / "briefs.jsonl")
    assert set(orders) == {row.id for row in (*train, *test)}
    for row in (*train, *test):
        brief = orders[row.id].brief
        assert brief.product == row.group and all(fact in row.prompt for fact in brief.facts)
        assert (orders[row.id].shortest, orders[row.id].longest) == (20, 400)
    told = summary(out)
    assert told["train"] == 12 and told["test"] == 4 and told["reasons"] == {}
    assert told["prompt_tokens"] == 1600 and told["completion_tokens"] == 800
    assert told["cost"] == round((1600 * 2 + 800 * 10) / 1e6, 6)
    assert sum(channel["accepted"] for channel in told["channels"].values()) == 16


def test_held_out_rows_of_a_dataset_have_their_orders(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    chosen = RowsSettings.model_validate(
        {
            "kind": "rows",
            "rights": {"accept": "ours"},
            "tests": "group",
            "on_leak": "drop",
            "synth": settings(examples=24),
        }
    )
    prepare(chosen, home, out, 1)
    held_out = read_rows(out / "held_out.jsonl", ChatRow)
    orders = read_orders(out / SYNTH / BRIEFS)
    assert len(held_out) == 4
    for row in held_out:
        assert orders[row.id].brief.product == row.group and orders[row.id].brief.split == "test"


def test_ledger_rows_are_complete(settings: Make, home: Path, out: Path, fake: FakeTeacher) -> None:
    fake.faults = lambda body, tries: 500 if tries == 1 and body["seed"] % 2 else None
    synthesise(settings(price_prompt=2), home, out, 1)
    rows = Ledger(out / "ledger.jsonl").rows
    planned = {request.ask.id: request for request in plan(settings(), home, 1)}
    assert {row.id for row in rows} == set(planned) and len(rows) == 16
    for row in rows:
        assert row.model_fields_set == set(LedgerRow.model_fields)
        assert row.host == fake.url.split("/")[2] and row.model == "scribe"
        assert row.brief_id == planned[row.id].brief.id
        assert row.template_hash == prompts.template_hash("ru")
        assert row.cost == pytest.approx(row.prompt_tokens * 2 / 1e6)
        assert row.attempts == (2 if row.seed % 2 else 1)
        assert row.status == "accepted" and row.text
    assert len({row.prompt_hash for row in rows}) == len({row.seed for row in rows}) == 16


def test_what_is_asked_decides_the_id(settings: Make, home: Path) -> None:
    first = {request.ask.id for request in plan(settings(), home, 1)}
    changes: list[dict[str, object]] = [
        {"model": "other"},
        {"base_url": "http://127.0.0.1:1/v1"},
        {"temperature": 0.1},
        {"max_tokens": 9},
        {"language": "en"},
        {"lengths": {"site": (1, 9), "email": (1, 9), "social": (1, 9), "billboard": (1, 9)}},
    ]
    for change in changes:
        assert not first & {request.ask.id for request in plan(settings(**change), home, 1)}
    same = settings(concurrency=9, retries=0, budget_tokens=5, near=0.1, semantic=0.1)
    assert {request.ask.id for request in plan(same, home, 1)} == first
    assert first < {request.ask.id for request in plan(settings(examples=20), home, 1)}


def test_a_kill_loses_only_the_line_that_it_cut(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    synthesise(settings(), home, out, 1)
    before, ledger = contents(out), out / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:9]) + lines[9][:77])
    for name in FILES:
        (out / name).unlink()
    synthesise(settings(), home, out, 1)
    assert contents(out) == before
    lost = 16 - 9
    assert Counter(fake.tries.values()) == {1: 16 - lost, 2: lost}


def test_a_second_start_asks_nothing_and_writes_the_same(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    synthesise(settings(), home, out, 1)
    before, ledger = contents(out), (out / "ledger.jsonl").read_bytes()
    fake.faults = lambda body, tries: 401
    synthesise(settings(api_key_env="KAMERTON_NO_SUCH_KEY"), home, out, 1)
    assert len(fake.bodies) == 16
    assert contents(out) == before and (out / "ledger.jsonl").read_bytes() == ledger


def test_the_order_of_completion_does_not_matter(
    settings: Make, home: Path, tmp_path: Path, fake: FakeTeacher
) -> None:
    """Every third text is the same: which of the equal ones stays must not depend on time."""
    said = "Напор, децибелы, гарантия и расход, проход, сталь, ресурс и служба, мощность, масса, "
    said += "контуры и мороз, точность, корпус, настройка и пломба."
    requests, orders, found = plan(settings(with_beginning=0), home, 1), set(), []
    same = {request.ask.seed for request in requests[::3]}
    fake.faults = lambda body, tries: said if body["seed"] in same else None
    for attempt in range(3):
        fake.jitter = random.Random(attempt)
        out = tmp_path / str(attempt)
        synthesise(settings(concurrency=6, with_beginning=0), home, out, 1)
        orders.add(tuple(row.id for row in Ledger(out / "ledger.jsonl").rows))
        found.append(contents(out))
    assert len(orders) > 1, "the delays did not change the order: this shows nothing"
    assert found[0] == found[1] == found[2]
    assert summary(tmp_path / "0")["reasons"]["near"] == len(same) - 1


def test_the_budget_stops_and_what_is_done_is_kept(
    settings: Make, home: Path, out: Path, tmp_path: Path, fake: FakeTeacher
) -> None:
    small = settings(budget_tokens=700, concurrency=1)
    with pytest.raises(InputError) as caught:
        synthesise(small, home, out, 1)
    assert "750 tokens" in str(caught.value) and "5 requests are done" in str(caught.value)
    assert len(fake.bodies) == 5 and summary(out)["train"] + summary(out)["test"] == 5
    with pytest.raises(InputError):
        synthesise(small, home, out, 1)
    assert len(fake.bodies) == 5
    (home / "ledger.jsonl").write_bytes((out / "ledger.jsonl").read_bytes())
    synthesise(settings(recorded="ledger.jsonl"), home, tmp_path / "more", 1)
    assert len(fake.bodies) == 16 and set(fake.tries.values()) == {1}


def test_a_budget_of_cost_stops_too(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    dear = settings(budget_cost=0.001, price_completion=10, concurrency=1, budget_tokens=None)
    with pytest.raises(InputError, match="budget"):
        synthesise(dear, home, out, 1)
    assert len(fake.bodies) == 2


def test_failed_requests_are_told_and_asked_again_by_the_next_start(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    fake.faults = lambda body, tries: 500 if body["seed"] % 3 == 0 else None
    synthesise(settings(retries=1), home, out, 1)
    failed = [row for row in Ledger(out / "ledger.jsonl").rows if row.status == "failed"]
    assert failed and {row.reason for row in failed} == {"HTTP 500"}
    assert {row.attempts for row in failed} == {2}
    assert summary(out)["failed"] == len(failed)
    fake.faults = lambda body, tries: None
    synthesise(settings(retries=1), home, out, 1)
    assert summary(out)["failed"] == 0 and summary(out)["train"] == 12
    assert set(fake.tries.values()) == {1, 3}


def test_reasons_are_counted_and_stand_in_the_ledger(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    own = settings(with_beginning=0)
    short, foreign = [request.ask.seed for request in plan(own, home, 1)][:2]
    planted = {short: "Кратко.", foreign: "Only English words stand here, nothing else."}
    fake.faults = lambda body, tries: planted.get(body["seed"])
    synthesise(own, home, out, 1)
    told, rows = summary(out), Ledger(out / "ledger.jsonl").rows
    assert told["reasons"] == {"language": 1, "short": 1}
    assert told["rejected"] == 2 and told["train"] + told["test"] == 14
    assert {row.seed: row.reason for row in rows if row.status == "rejected"} == {
        short: "short",
        foreign: "language",
    }
    assert len(read_rows(out / "train.jsonl", ChatRow)) == told["train"]


def test_a_filter_that_leaves_nothing_stops_and_says_why(
    settings: Make, home: Path, out: Path, fake: FakeTeacher
) -> None:
    fake.faults = lambda body, tries: "Кратко."
    with pytest.raises(InputError) as caught:
        synthesise(settings(with_beginning=0), home, out, 1)
    assert "short: 16" in str(caught.value)


def test_another_host_is_refused_before_anything_is_sent(
    settings: Make, home: Path, out: Path, fake: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpx.AsyncClient.request", lambda *a, **k: pytest.fail("sent"))
    with pytest.raises(InputError) as caught:
        synthesise(settings(base_url="https://api.example.com/v1"), home, out, 1)
    assert "api.example.com" in str(caught.value)
    assert not out.exists()


def test_the_key_is_in_no_file_and_no_error(
    settings: Make,
    home: Path,
    out: Path,
    fake: FakeTeacher,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("SCRIBE_KEY", KEY)
    own = settings(api_key_env="SCRIBE_KEY")

    def faults(body: dict[str, Any], tries: int) -> Any:
        kind = body["seed"] % 4
        return {0: 400, 1: f"{good_text(body)} {KEY}", 2: 500 if tries == 1 else None}.get(kind)

    fake.faults = faults
    synthesise(own, home, out, 1)
    assert set(fake.keys) == {f"Bearer {KEY}"}
    fake.faults = lambda body, tries: 401
    with pytest.raises(InputError) as caught:
        synthesise(own, home, out, 1)
    said = [*capfd.readouterr(), str(caught.value), repr(caught.value), caplog.text]
    said += [file.read_text("utf-8") for file in out.iterdir()]
    assert any("***" in text for text in said), "nothing repeated the key: this shows nothing"
    assert [text for text in said if KEY in text] == []

"""The judge against a recorded one: good, nonsense, busy, slow, flipping, killed half-way."""

import threading
from pathlib import Path
from typing import Any

import pytest
from recorded_judge import first, good, made_up, recorded, says, settings

from kamerton.client import connection
from kamerton.client.ledger import Ledger
from kamerton.experiment.judge.asking import FILE, LedgerRow
from kamerton.experiment.judge.run import judge_pairs
from kamerton.experiment.report.feedback import judge_sentences as sentences
from kamerton.formats.errors import InputError
from recording_proxy import proxied


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSE", 0.01)


def test_a_good_judge_gives_the_verdict_and_is_asked_in_both_orders(tmp_path: Path) -> None:
    with recorded(good) as judge:
        pairs = made_up(24, tuned_right=20, base_right=2)
        report = judge_pairs(pairs, settings(judge.url, concurrency=3), tmp_path)
    one = report.criteria[0]
    assert (one.tuned, one.base, one.ties, one.unrated) == (20, 2, 2, 0)
    assert one.decision.verdict == "better" and one.decision.groups == 12
    assert one.decision.effect is not None
    assert one.decision.effect.mean == pytest.approx(18 / 24)
    assert one.first_won == pytest.approx(0.5)
    assert len(judge.bodies) == 48
    assert (tmp_path / "judge.json").is_file()
    text = " ".join(sentences(one))
    assert "prefers the tuned model" in text and "one model's opinion" in text
    told = " ".join(turn["content"] for body in judge.bodies for turn in body["messages"])
    assert "tuned" not in told and "base" not in told
    schema = judge.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["winner"]["enum"] == ["1", "2", "tie"]


def test_so_many_requests_run_at_once_and_no_more(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def three(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
        together.wait(10)  # breaks unless three requests are there at the same time
        return good(body, number)

    with recorded(three) as judge:
        one = judge_pairs(made_up(6, 6), settings(judge.url, concurrency=3), tmp_path).criteria[0]
    assert (one.tuned, judge.server.most) == (6, 3)


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    pairs = made_up(6, 3)
    with recorded(good) as judge:
        before = judge_pairs(pairs[:4], settings(judge.url), tmp_path)
        ledger = tmp_path / FILE
        ledger.write_bytes(ledger.read_bytes()[:-40])  # killed in the middle of a line
        after = judge_pairs(pairs, settings(judge.url), tmp_path)
        again = judge_pairs(pairs, settings(judge.url), tmp_path)
        assert len(judge.bodies) == 8 + 1 + 4
    assert before.criteria[0].pairs == 4
    assert after == again and after.requests == 12
    assert len(Ledger(tmp_path / FILE, LedgerRow).rows) == 12


def test_a_judge_that_always_prefers_the_first_gives_no_verdict(tmp_path: Path) -> None:
    with recorded(first) as judge:
        one = judge_pairs(made_up(30, 30), settings(judge.url), tmp_path).criteria[0]
    assert (one.ties, one.flipped, one.first_won) == (30, 30, 1.0)
    assert one.withheld == ["flips"] and one.decision.verdict == "not enough evidence"
    assert "no verdict" in sentences(one)[0] and "100 % of the pairs" in sentences(one)[0]


def test_a_judge_of_nonsense_gives_no_verdict_and_is_not_rerolled(tmp_path: Path) -> None:
    with recorded(lambda body, number: (200, "As a language model I like both.", {})) as judge:
        one = judge_pairs(made_up(10, 10), settings(judge.url), tmp_path).criteria[0]
        judge_pairs(made_up(10, 10), settings(judge.url), tmp_path)
        assert len(judge.bodies) == 20
    assert (one.unrated, one.unrated_why) == (10, {"nonsense": 10})
    assert one.decision.effect is None and "nothing_rated" in one.withheld
    assert "no usable answer" in sentences(one)[0]
    assert "NaN" not in (tmp_path / "judge.json").read_text()


def test_some_nonsense_is_counted_and_cannot_make_a_verdict(tmp_path: Path) -> None:
    def often(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
        asked = body["messages"][1]["content"]
        return (
            (200, "hm", {}) if any(f"Question {i}?" in asked for i in range(5)) else good(body, 0)
        )

    with recorded(often) as judge:
        one = judge_pairs(made_up(25, 25), settings(judge.url), tmp_path).criteria[0]
        kept = judge_pairs(
            made_up(25, 25), settings(judge.url, most_unrated=0.3), tmp_path
        ).criteria[0]
    assert one.unrated == 5 and one.withheld == ["unrated"]
    assert one.decision.verdict == "not enough evidence"
    assert kept.decision.verdict == "better" and kept.decision.rated == 20
    assert kept.decision.least == pytest.approx(15 / 25)
    assert any("Unrated: 5 of 25" in line for line in sentences(kept))


def test_a_busy_judge_is_tried_again_and_a_slow_one_is_left(tmp_path: Path) -> None:
    def busy_at_first(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
        return (429, "later", {"Retry-After": "0.01"}) if number < 2 else good(body, number)

    with recorded(busy_at_first) as judge:
        limited = settings(judge.url, retries=2, concurrency=1)
        one = judge_pairs(made_up(4, 4), limited, tmp_path).criteria[0]
        assert (one.tuned, len(judge.bodies)) == (4, 10)
    assert max(row.attempts for row in Ledger(tmp_path / FILE, LedgerRow).rows) == 3


def test_a_judge_that_times_out_gives_a_statement_and_is_asked_later(tmp_path: Path) -> None:
    with recorded(good) as judge:
        patient = settings(judge.url, timeout=0.15, retries=1, give_up=3, concurrency=1)

        def slow(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
            judge.stop.wait(2)
            return good(body, number)

        judge.behave = slow
        one = judge_pairs(made_up(8, 8), patient, tmp_path).criteria[0]
        assert len(judge.bodies) == 6  # three requests of two tries, then no more
        assert one.unrated_why == {"timeout": 2, "not_asked": 6}
        assert "no reply in time" in sentences(one)[0] and "not asked" in sentences(one)[0]
        judge.behave = good
        later = judge_pairs(
            made_up(8, 8), patient.model_copy(update={"timeout": 30.0}), tmp_path
        ).criteria[0]
        assert (later.tuned, later.unrated) == (8, 0)


def test_a_server_without_schemas_is_asked_with_less(tmp_path: Path) -> None:
    def old(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
        kind = body.get("response_format", {}).get("type", "none")
        return (400, f"response_format {kind} is unknown", {}) if kind != "none" else good(body, 0)

    with recorded(old) as judge:
        report = judge_pairs(made_up(3, 3), settings(judge.url, concurrency=1), tmp_path)
        assert len(judge.bodies) == 2 + 6
    assert report.forms == {"none": 6} and report.criteria[0].tuned == 3


def test_a_server_that_refuses_us_is_an_error_without_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret-enough")
    with recorded(lambda body, number: (401, "secret-enough is wrong", {})) as judge:
        with pytest.raises(InputError, match="HTTP 401") as caught:
            judge_pairs(made_up(2, 2), settings(judge.url, api_key_env="JUDGE_KEY"), tmp_path)
        assert judge.server.keys[0] == "Bearer secret-enough"
    assert "secret-enough" not in str(caught.value)
    with pytest.raises(InputError, match="NOWHERE"):
        judge_pairs(
            made_up(2, 2), settings("http://127.0.0.1:9/v1", api_key_env="NOWHERE"), tmp_path
        )


def test_equal_answers_are_ties_that_nobody_is_asked_about(tmp_path: Path) -> None:
    pairs = [p.model_copy(update={"tuned": p.base + " "}) for p in made_up(5, 0)]
    with recorded(good) as judge:
        one = judge_pairs(pairs, settings(judge.url), tmp_path).criteria[0]
        assert judge.bodies == []
    assert (one.ties, one.identical) == (5, 5)


def test_a_judge_that_never_prefers_anything_proves_no_sameness(tmp_path: Path) -> None:
    with recorded(lambda body, number: (200, says("tie"), {})) as judge:
        lenient = settings(judge.url, margin=0.5)
        one = judge_pairs(made_up(40, 40), lenient, tmp_path).criteria[0]
    assert one.withheld == ["indifferent"] and one.decision.verdict == "not enough evidence"


@pytest.mark.parametrize(
    ("url", "changed", "key"),
    [
        ("http://example.org/v1", {}, "outside_host"),
        ("http://api.example.org/v1", {"trusted_hosts": ["example.org"]}, "outside_host"),
        ("http://example.org/v1", {"leaves_machine": True}, "no_mask"),
        ("ftp://127.0.0.1/v1", {}, "bad_url"),
        ("http://me:secret@127.0.0.1/v1", {}, "bad_url"),
    ],
)
def test_answers_leave_the_machine_only_where_that_is_said(
    tmp_path: Path, url: str, changed: dict[str, Any], key: str
) -> None:
    with pytest.raises(InputError) as caught:
        judge_pairs(made_up(2, 2), settings(url, **changed), tmp_path)
    assert caught.value.key == f"client.{key}"
    assert not (tmp_path / FILE).exists()


def test_what_leaves_the_machine_is_masked() -> None:
    from kamerton.experiment.judge.run import shown

    outside = settings("http://example.org/v1", leaves_machine=True)
    masked = shown(made_up(1, 1), outside, lambda text: text.replace("Question", "***"))
    assert masked[0].question == "*** 0?"
    local = settings("http://localhost:1/v1", leaves_machine=True)
    assert shown(made_up(1, 1), local, str.upper)[0].question == "Question 0?"
    trusted = settings("http://Example.org./v1", trusted_hosts=["example.ORG"])
    assert shown(made_up(1, 1), trusted, None)[0].question == "Question 0?"


def test_every_text_that_leaves_the_machine_is_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"message": {"content": says("tie")}, "finish_reason": "stop"}
    with proxied({"choices": [choice]}, monkeypatch) as seen:
        outside = settings("http://example.org/v1", leaves_machine=True)
        mask = lambda text: text.replace("Question", "***")  # noqa: E731
        judge_pairs(made_up(1, 1), outside, tmp_path, mask=mask)
        judge_pairs(made_up(1, 1), settings(f"{seen.url}/v1"), tmp_path)
    assert len(seen.proxied) == len(seen.served) == 2
    for row in Ledger(tmp_path / FILE, LedgerRow).rows:
        told = " ".join(turn.content for turn in row.sent)
        assert ("*** 0?" in told) == (row.host == "example.org") and "Question" not in told


def test_a_ledger_with_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"id": 1}\n{"id": 2}\n')
    with pytest.raises(InputError, match=r"judge\.jsonl:1: this line is no row"):
        judge_pairs(made_up(2, 2), settings("http://127.0.0.1:9/v1"), tmp_path)


def test_two_pairs_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="q00: two pairs"):
        judge_pairs(made_up(2, 2)[:1] * 2, settings("http://127.0.0.1:9/v1"), tmp_path)

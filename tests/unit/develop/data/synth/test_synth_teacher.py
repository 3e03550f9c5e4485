"""Asking a real local server that is busy, broken, silent, or talks too much."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from fake_teacher import FakeTeacher, Fault

from kamerton.develop.data.synth import teacher as module
from kamerton.develop.data.synth.replies import wanted_pause
from kamerton.develop.data.synth.teacher import Answer, Ask, Teacher, ask_all, key_of
from kamerton.formats.chat import chat
from kamerton.formats.errors import InputError

KEY = "sk-very-secret-key-0123456789"
GARBAGE = [b"{", b"not json", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 1}]}']


def asks(count: int) -> list[Ask]:
    return [Ask(f"id{i}", tuple(chat("", f"Задача {i}\n- факт")), i) for i in range(count)]


def run(
    wanted: list[Ask], teacher: Teacher, stop: Callable[[], bool] = lambda: False
) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    asyncio.run(ask_all(wanted, teacher, lambda ask, got: found.update({ask.id: got}), stop))
    return found


@pytest.fixture
def scribe(fake: FakeTeacher, no_pauses: None) -> Teacher:
    return Teacher(fake.url, "scribe", retries=2, concurrency=2)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for; none is made."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


def test_a_good_answer_is_kept_with_its_tokens(fake: FakeTeacher, scribe: Teacher) -> None:
    found = run(asks(3), scribe)
    assert sorted(found) == ["id0", "id1", "id2"]
    for answer in found.values():
        assert answer.last.why == "" and "факт" in answer.last.text
        assert (answer.prompt_tokens, answer.completion_tokens, answer.attempts) == (100, 50, 1)
        assert not answer.estimated
    assert {body["model"] for body in fake.bodies} == {"scribe"}
    assert sorted(body["seed"] for body in fake.bodies) == [0, 1, 2]


@pytest.mark.parametrize("fault", [429, 500, 503, b"", "", "  \n ", *GARBAGE])
def test_a_failed_try_is_made_again(
    fake: FakeTeacher, scribe: Teacher, fault: int | bytes | str
) -> None:
    fake.faults = lambda body, tries: fault if tries == 1 and body["seed"] == 0 else None
    found = run(asks(2), scribe)
    assert [found[name].last.why for name in ("id0", "id1")] == ["", ""]
    assert [found[name].attempts for name in ("id0", "id1")] == [2, 1]
    assert set(fake.tries.values()) == {2, 1}


@pytest.mark.parametrize("fault", [429, 500, b"", "", b"garbage"])
def test_after_the_last_try_a_request_has_failed_and_the_others_go_on(
    fake: FakeTeacher, scribe: Teacher, fault: int | bytes | str
) -> None:
    fake.faults = lambda body, tries: fault if body["seed"] == 1 else None
    found = run(asks(4), replace(scribe, concurrency=1))
    assert {name for name, answer in found.items() if answer.last.why} == {"id1"}
    assert found["id1"].attempts == 3 and len(found) == 4
    assert found["id1"].last.text == ""


def test_empty_answers_are_paid_for(fake: FakeTeacher, scribe: Teacher) -> None:
    fake.faults = lambda body, tries: "" if tries < 3 else None
    (answer,) = run(asks(1), scribe).values()
    assert (answer.prompt_tokens, answer.completion_tokens) == (300, 150)


@pytest.mark.parametrize("status", [400, 422, 301])
def test_a_request_that_the_server_cannot_take_is_not_repeated(
    fake: FakeTeacher, scribe: Teacher, status: int
) -> None:
    fake.faults = lambda body, tries: status if body["seed"] == 0 else None
    found = run(asks(2), scribe)
    assert found["id0"].attempts == 1 and str(status) in found["id0"].last.why
    assert found["id1"].last.why == ""


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_everything_stops(fake: FakeTeacher, scribe: Teacher, status: int) -> None:
    fake.faults = lambda body, tries: status
    with pytest.raises(InputError) as caught:
        run(asks(20), scribe)
    assert str(status) in str(caught.value)
    assert len(fake.bodies) <= 2


def test_a_teacher_that_never_answered_stops_the_run(no_pauses: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        kept: list[str] = []
        with pytest.raises(InputError) as caught:
            wanted, nobody = asks(20), Teacher(url, "scribe", retries=1, concurrency=1)
            asyncio.run(ask_all(wanted, nobody, lambda a, _: kept.append(a.id), lambda: False))
    assert "ConnectError" in str(caught.value) and url in str(caught.value)
    assert kept == ["id0"]


def test_pauses_grow_and_the_servers_wish_counts(fake: FakeTeacher, slept: list[float]) -> None:
    wishes: list[Any] = [500, (429, {"Retry-After": "7"}), (503, {"Retry-After": "1"}), 500, 500]
    fake.faults = lambda body, tries: wishes[tries - 1] if tries <= 5 else None
    (answer,) = run(asks(1), Teacher(fake.url, "scribe", retries=5)).values()
    assert slept == [0.5, 7.0, 2.0, 4.0, 8.0]
    assert answer.attempts == 6 and answer.last.why == ""


def test_no_pause_after_the_last_try_and_none_without_end(
    fake: FakeTeacher, slept: list[float]
) -> None:
    fake.faults = lambda body, tries: (429, {"Retry-After": "99999999"})
    run(asks(1), Teacher(fake.url, "scribe", retries=1))
    assert slept == [module.LONGEST_PAUSE]


def test_a_pause_is_a_number_or_a_date() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert 3500 < wanted_pause(format_datetime(later, usegmt=True)) <= 3600
    assert wanted_pause(format_datetime(later - timedelta(days=1), usegmt=True)) == 0
    told = {"": 0, "soon": 0, "-5": 0, "nan": 0, "2.5": 2.5}
    assert {header: wanted_pause(header) for header in told} == told


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_never_more_at_once_than_allowed_and_not_fewer(fake: FakeTeacher, limit: int) -> None:
    fake.hold = 0.1
    run(asks(3 * limit), Teacher(fake.url, "scribe", concurrency=limit))
    assert fake.busiest == limit
    assert len(fake.bodies) == 3 * limit


def test_a_stop_is_asked_before_each_request(fake: FakeTeacher, scribe: Teacher) -> None:
    answers = iter([False, False, False, True, True])
    found = run(asks(9), scribe, lambda: next(answers))
    assert sorted(found) == ["id0", "id1", "id2"] and len(fake.bodies) == 3


def test_tokens_that_the_server_does_not_count_are_estimated(
    fake: FakeTeacher, scribe: Teacher
) -> None:
    bad: list[Any] = [None, {"prompt_tokens": "many"}, {"prompt_tokens": -1}]
    for usage in [*bad, {"prompt_tokens": -1, "completion_tokens": 2}]:
        fake.usage = usage
        (answer,) = run(asks(1), scribe).values()
        assert answer.estimated
        assert answer.prompt_tokens == 5 and answer.completion_tokens > 10


def test_line_ends_that_only_unicode_knows_become_plain(fake: FakeTeacher, scribe: Teacher) -> None:
    fake.faults = lambda body, tries: " Раз\u2028два \x85три\r\nчетыре\n\nпять "
    (answer,) = run(asks(1), scribe).values()
    assert answer.last.text == "Раз\nдва\nтри\nчетыре\n\nпять"


def test_the_key_goes_into_the_header_and_nowhere_else(fake: FakeTeacher, scribe: Teacher) -> None:
    planted: dict[int, Fault] = {0: 400, 1: f"Ваш ключ {KEY}, да?"}
    fake.faults = lambda body, tries: planted.get(body["seed"])
    known = replace(scribe, key=KEY)
    found = run(asks(3), known)
    assert set(fake.keys) == {f"Bearer {KEY}"}
    assert KEY not in repr(found) and KEY not in repr(known)
    assert "told: Bearer ***" in found["id0"].last.why
    assert found["id1"].last.text == "Ваш ключ ***, да?"


def test_a_short_key_of_a_local_server_is_no_secret(fake: FakeTeacher, scribe: Teacher) -> None:
    fake.faults = lambda body, tries: "none of it"
    (answer,) = run(asks(1), replace(scribe, key="none")).values()
    assert answer.last.text == "none of it"


def test_without_a_key_no_header_is_sent(fake: FakeTeacher, scribe: Teacher) -> None:
    run(asks(1), scribe)
    assert fake.keys == [None]


def test_no_proxy_comes_between_us_and_this_machine(
    fake: FakeTeacher, scribe: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (answer,) = run(asks(1), scribe).values()
    assert answer.last.why == ""


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of("") == ""
    monkeypatch.setenv("SCRIBE_KEY", f" {KEY}\n")
    assert key_of("SCRIBE_KEY") == KEY


@pytest.mark.parametrize("value", ["", " ", f"{KEY}\nX: y", f"{KEY} twice", f"{KEY}é"])
def test_a_key_that_cannot_be_sent_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SCRIBE_KEY", value)
    with pytest.raises(InputError) as caught:
        key_of("SCRIBE_KEY")
    assert "SCRIBE_KEY" in str(caught.value) and KEY not in str(caught.value)

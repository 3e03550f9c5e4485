"""Asking a real local teacher that writes nothing, garbage, or does not count its tokens."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from fake_teacher import FakeTeacher

from kamerton.develop.data.synth.teacher import Answer, Ask, ask_all
from kamerton.develop.settings.synth import SynthSettings
from kamerton.formats.chat import chat
from kamerton.formats.errors import InputError

Make = Callable[..., SynthSettings]
GARBAGE = [b"{", b"not json", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 1}]}']

pytestmark = pytest.mark.usefixtures("no_pauses")


def asks(count: int) -> list[Ask]:
    return [Ask(f"id{i}", tuple(chat("", f"Задача {i}\n- факт")), i) for i in range(count)]


def run(
    wanted: list[Ask], teacher: SynthSettings, stop: Callable[[], bool] = lambda: False
) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    ask_all(wanted, teacher, lambda ask, got: found.update({ask.id: got}), stop)
    return found


@pytest.fixture
def scribe(settings: Make) -> SynthSettings:
    return settings(retries=2, concurrency=2)


def test_a_good_answer_is_kept_with_its_tokens(fake: FakeTeacher, scribe: SynthSettings) -> None:
    found = run(asks(3), scribe)
    assert sorted(found) == ["id0", "id1", "id2"]
    for answer in found.values():
        assert answer.why == "" and "факт" in answer.text
        assert (answer.prompt_tokens, answer.completion_tokens, answer.attempts) == (100, 50, 1)
        assert not answer.estimated
    assert {body["model"] for body in fake.bodies} == {"scribe"}
    assert sorted(body["seed"] for body in fake.bodies) == [0, 1, 2]


@pytest.mark.parametrize("fault", [429, 500, b"", "", "  \n ", *GARBAGE])
def test_a_failed_try_is_made_again(
    fake: FakeTeacher, scribe: SynthSettings, fault: int | bytes | str
) -> None:
    fake.faults = lambda body, tries: fault if tries == 1 and body["seed"] == 0 else None
    found = run(asks(2), scribe)
    assert [found[name].why for name in ("id0", "id1")] == ["", ""]
    assert [found[name].attempts for name in ("id0", "id1")] == [2, 1]
    assert set(fake.tries.values()) == {2, 1}


@pytest.mark.parametrize("fault", [500, b"", "", b"garbage"])
def test_after_the_last_try_a_request_has_failed_and_the_others_go_on(
    fake: FakeTeacher, settings: Make, fault: int | bytes | str
) -> None:
    fake.faults = lambda body, tries: fault if body["seed"] == 1 else None
    found = run(asks(4), settings(retries=2, concurrency=1))
    assert {name for name, answer in found.items() if answer.why} == {"id1"}
    assert found["id1"].attempts == 3 and len(found) == 4
    assert found["id1"].text == ""


def test_empty_answers_are_paid_for(fake: FakeTeacher, scribe: SynthSettings) -> None:
    fake.faults = lambda body, tries: "" if tries < 3 else None
    (answer,) = run(asks(1), scribe).values()
    assert (answer.prompt_tokens, answer.completion_tokens) == (300, 150)


def test_a_teacher_that_never_answered_stops_the_run(settings: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        kept: list[str] = []
        nobody = settings(base_url=url, retries=1, concurrency=1)
        with pytest.raises(InputError) as caught:
            ask_all(asks(20), nobody, lambda a, _: kept.append(a.id), lambda: False)
    assert "ConnectError" in str(caught.value) and url in str(caught.value)
    assert kept == ["id0"]


def test_a_stop_is_asked_before_each_request(fake: FakeTeacher, scribe: SynthSettings) -> None:
    answers = iter([False, False, False, True, True])
    found = run(asks(9), scribe, lambda: next(answers))
    assert sorted(found) == ["id0", "id1", "id2"] and len(fake.bodies) == 3


def test_tokens_that_the_server_does_not_count_are_estimated(
    fake: FakeTeacher, scribe: SynthSettings
) -> None:
    bad: list[Any] = [None, {"prompt_tokens": "many"}, {"prompt_tokens": -1}]
    for usage in [*bad, {"prompt_tokens": -1, "completion_tokens": 2}]:
        fake.usage = usage
        (answer,) = run(asks(1), scribe).values()
        assert answer.estimated
        assert answer.prompt_tokens == 5 and answer.completion_tokens > 10


def test_line_ends_that_only_unicode_knows_become_plain(
    fake: FakeTeacher, scribe: SynthSettings
) -> None:
    fake.faults = lambda body, tries: " Раз\u2028два \x85три\r\nчетыре\n\nпять "
    (answer,) = run(asks(1), scribe).values()
    assert answer.text == "Раз\nдва\nтри\nчетыре\n\nпять"

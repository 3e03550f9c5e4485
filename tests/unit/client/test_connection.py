"""One rule of tries, pauses, deadlines and refusals against a server that fails in every way."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from kamerton.client import connection
from kamerton.client.connection import (
    Connection,
    Endpoint,
    Response,
    api_key,
    first_model,
    models,
    wanted_pause,
)
from kamerton.client.replies import chat_completion, delta
from kamerton.formats.errors import InputError
from model_server import Answer, Asked, completion, model_server
from recording_proxy import VARIABLES, proxied

KEY = "sk-very-secret-key-0123456789"
GOOD = completion("yes")


def post(at: Endpoint, again: Callable[[Response], bool] = lambda reply: False) -> Response:
    async def ask() -> Response:
        async with Connection(at) as server:
            return await server.post("chat/completions", {"messages": []}, again)

    return asyncio.run(ask())


def read(at: Endpoint, where: str = "") -> Any:
    async def ask() -> Any:
        async with Connection(at) as server:
            reply = await server.post("chat/completions", {})
            return server.read(reply, chat_completion, where)

    return asyncio.run(ask())


def streamed(at: Endpoint) -> list[str]:
    async def ask() -> list[str]:
        async with Connection(at) as server:
            return [delta(chunk) async for chunk in server.stream("chat/completions", {})]

    return asyncio.run(ask())


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for; none is made."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(connection.asyncio, "sleep", sleep)
    return pauses


@pytest.mark.parametrize("fault", [408, 425, 429, 500, 502, 503, 504, None])
def test_what_may_pass_is_tried_again(fault: int | None, slept: list[float]) -> None:
    failed = None if fault is None else (fault, b"later", {})
    with model_server(lambda asked: failed if asked.number < 3 else (200, GOOD, {})) as server:
        reply = post(Endpoint(server.url, retries=2))
        assert (reply.status, reply.fault, reply.attempts) == (200, "", 3)
    with model_server(lambda asked: failed) as server:
        reply = post(Endpoint(server.url, retries=2))
        assert len(server.asked) == reply.attempts == 3
        assert reply.fault == ("busy" if fault else "unreachable")
        with pytest.raises(InputError, match=str(fault or "RemoteProtocolError")) as caught:
            read(Endpoint(server.url, retries=0), "question 1")
    assert caught.value.key == "client.gone" and caught.value.where == server.url


@pytest.mark.parametrize("status", [400, 413, 422, 501, 301])
def test_a_refusal_of_one_request_is_not_repeated_and_names_it(status: int) -> None:
    headers = {"Location": "http://example.org/"}
    with model_server(lambda asked: (status, b"too long", headers)) as server:
        reply = post(Endpoint(server.url))
        assert (reply.fault, reply.attempts, len(server.asked)) == ("refused", 1, 1)
        with pytest.raises(InputError, match=f"HTTP {status} too long") as caught:
            read(Endpoint(server.url), "question 1")
    assert (caught.value.key, caught.value.where) == ("client.refused", "question 1")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_everything_ends_the_asking(status: int) -> None:
    with model_server(lambda asked: (status, b"no such model", {})) as server:
        with pytest.raises(InputError, match=f"HTTP {status} no such model") as caught:
            post(Endpoint(server.url))
        assert len(server.asked) == 1
    assert (caught.value.key, caught.value.where) == ("client.denied", server.url)


def test_nobody_listens(slept: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        at = Endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", retries=1)
        assert post(at).fault == "unreachable" and "ConnectError" in post(at).why
        with pytest.raises(InputError, match="ConnectError"):
            models(at)


def test_a_try_has_a_deadline_as_a_whole(slept: list[float]) -> None:
    end = threading.Event()

    def slow(asked: Asked) -> Answer:
        end.wait(5)
        return None

    with model_server(slow) as server:
        reply = post(Endpoint(server.url, timeout=0.1, retries=1))
        end.set()
    assert (reply.fault, reply.attempts) == ("timeout", 2)


def test_pauses_grow_and_the_servers_wish_counts(slept: list[float]) -> None:
    wishes = ["", "7", "1", "99999999", ""]

    def busy(asked: Asked) -> Answer:
        wish = wishes[asked.number - 1] if asked.number <= 5 else None
        return (200, GOOD, {}) if wish is None else (429, b"", {"Retry-After": wish})

    with model_server(busy) as server:
        assert post(Endpoint(server.url, retries=5)).attempts == 6
    assert slept == [0.5, 7.0, 2.0, connection.LONGEST_PAUSE, 8.0]


def test_a_pause_is_a_number_or_a_date() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert 3500 < wanted_pause(format_datetime(later, usegmt=True)) <= 3600
    assert wanted_pause(format_datetime(later - timedelta(days=1), usegmt=True)) == 0
    told = {"": 0, "soon": 0, "-5": 0, "nan": 0, "2.5": 2.5}
    assert {header: wanted_pause(header) for header in told} == told


def test_who_asks_may_want_a_reply_again(slept: list[float]) -> None:
    """Each try is shown; the last one too, so that its tokens can be counted."""
    seen: list[bytes] = []

    def empty(reply: Response) -> bool:
        seen.append(reply.content)
        return not reply.content

    with model_server(lambda asked: (200, b"", {})) as server:
        assert post(Endpoint(server.url, retries=2), empty).attempts == len(seen) == 3
        server.answer = lambda asked: (200, GOOD, {})
        assert post(Endpoint(server.url, retries=2), empty).attempts == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", completion(7), b'{"choices": [{}]}'])
def test_a_reply_that_is_none_is_told_where_it_was_asked(content: bytes) -> None:
    with (
        model_server(lambda asked: (200, content, {})) as server,
        pytest.raises(InputError) as caught,
    ):
        read(Endpoint(server.url), "question 1")
    assert (caught.value.key, caught.value.where) == ("client.unreadable", "question 1")


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    told = completion(f"Your key is {KEY}")
    with model_server(lambda asked: (400 if asked.number > 1 else 200, told, {})) as server:
        at = Endpoint(server.url, KEY)
        replies = [post(at), post(at)]
        assert server.keys == [f"Bearer {KEY}"] * 2
        server.answer = lambda asked: (401, told, {})
        with pytest.raises(InputError) as caught:
            post(at)
        short = replace(at, api_key="key")
        server.answer = lambda asked: (200, told, {})
        assert b"Your key is" in post(short).content  # too short to be a secret
        post(replace(at, api_key=""))
        assert server.keys[-1] is None
        chunk = json.dumps({"choices": [{"delta": {"content": f"Your key is {KEY}"}}]}).encode()
        server.answer = lambda asked: (200, b"data: " + chunk + b"\n\n", {})
        assert streamed(at) == ["Your key is ***"]
    assert KEY not in f"{replies} {at} {caught.value} {caught.value!r}"
    assert b"Your key is ***" in replies[0].content and "Your key is ***" in replies[1].why


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_key("") == ""
    monkeypatch.setenv("SCRIBE_KEY", f" {KEY}\n")
    assert api_key("SCRIBE_KEY") == KEY
    for value in ("", " ", f"{KEY}\nX: y", f"{KEY} twice", f"{KEY}é"):
        monkeypatch.setenv("SCRIBE_KEY", value)
        with pytest.raises(InputError, match="SCRIBE_KEY") as caught:
            api_key("SCRIBE_KEY")
        assert KEY not in str(caught.value)


def test_models_are_told_with_what_they_are_known_by() -> None:
    rows = {"data": [{"id": "a", "fingerprint": "weights"}, {"id": "b"}]}
    with model_server(lambda asked: (200, json.dumps(rows).encode(), {})) as server:
        at = Endpoint(server.url + "/")
        assert [(m.id, m.fingerprint) for m in models(at)] == [
            ("a", "weights"),
            ("b", f"{server.url}/ b"),
        ]
        assert first_model(at).id == "a" and server.paths == ["GET /v1/models"] * 2
        rows["data"] = []
        with pytest.raises(InputError, match="no model"):
            first_model(at)
        for odd in (b"[]", b'{"data": [1]}', b"<html>"):
            server.answer = lambda asked, odd=odd: (200, odd, {})  # type: ignore[misc]
            with pytest.raises(InputError, match="cannot be read"):
                models(at)


def test_a_route_with_a_slash_starts_at_the_servers_root() -> None:
    async def ask(url: str) -> None:
        async with Connection(Endpoint(url)) as server:
            await server.post("/tokenize", {})

    with model_server(lambda asked: (200, b"{}", {})) as server:
        asyncio.run(ask(server.url))
        assert server.paths == ["POST /tokenize"]


def test_an_answer_grows_and_may_hold_any_letter() -> None:
    pieces = ["one", "\u2028", None, " two"]
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    stream = "".join([": hello\n", *lines, "data: [DONE]\n\n"]).encode()
    with model_server(lambda asked: (200, stream, {})) as server:
        assert "".join(streamed(Endpoint(server.url))) == "one\u2028 two"
        server.answer = lambda asked: (200, b'data: {"error": {"message": "full"}}\n', {})
        with pytest.raises(InputError, match="full"):
            streamed(Endpoint(server.url))
        server.answer = lambda asked: (503, b"busy", {})
        with pytest.raises(InputError, match="HTTP 503 busy"):
            streamed(Endpoint(server.url))
        server.answer = lambda asked: None
        with pytest.raises(InputError) as caught:
            streamed(Endpoint(server.url))
    assert caught.value.key == "client.gone"


def test_a_proxy_of_the_environment_is_for_other_hosts_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with proxied({"data": [{"id": "m"}]}, monkeypatch) as seen:
        for host in ("127.0.0.1", "localhost"):
            at = Endpoint(seen.url.replace("127.0.0.1", host) + "/v1")
            assert first_model(at).id == "m" and post(at).fault == ""
            streamed(at)
        assert len(seen.served) == 6 and seen.proxied == []
        assert first_model(Endpoint("http://api.example.org/v1")).id == "m"
        assert seen.proxied == ["GET http://api.example.org/v1/models"]
        for name in VARIABLES:
            monkeypatch.setenv(name, "socks5://user:secret@127.0.0.1:9")
        with pytest.raises(InputError, match="proxy") as caught:
            models(Endpoint("http://api.example.org/v1"))
        assert "secret" not in str(caught.value)
        assert first_model(at).id == "m"

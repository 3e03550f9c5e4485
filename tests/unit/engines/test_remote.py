"""Another server's models, asked through the Protocol; the server is a stand-in for Ollama."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from fake_ollama import MODELS, FakeOllama, ollama
from kamerton.engines.openai_api import ApiError
from kamerton.engines.protocol import Request
from kamerton.engines.remote import Remote, RemoteSettings
from kamerton.formats.errors import InputError
from recording_proxy import proxied


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with ollama() as running:
        yield running


def request(model: str, content: Any = "who are you?", **more: object) -> Request:
    messages = [{"role": "user", "content": content}]
    return Request({"messages": messages, **more}, model)


def started(fake: FakeOllama, **settings: Any) -> Remote:
    engine = Remote(RemoteSettings(fake.url, **settings))
    engine.start()
    return engine


def test_all_models_of_a_server_answer_whole_and_streamed(fake: FakeOllama) -> None:
    async def ask(model: str) -> tuple[str, str]:
        engine = started(fake)
        whole = await engine.complete(request(model))
        pieces = [chunk async for chunk in engine.stream(request(model))]
        text = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
        return whole["choices"][0]["message"]["content"], text

    assert started(fake).models == tuple(MODELS)
    for model in MODELS:
        whole, streamed = asyncio.run(ask(model))
        assert whole == f"I am {model}." and streamed == f"I am\u2028{model}."


def test_models_have_names_of_their_own_here(fake: FakeOllama) -> None:
    engine = started(fake, models={"small": "qwen3:0.6b"})
    assert engine.models == ("small",)
    picture = [{"type": "image_url", "image_url": {"url": "data:"}}]
    more: dict[str, object] = {"tools": [{"type": "function"}], "temperature": 0}
    asyncio.run(engine.complete(request("small", picture, **more)))
    messages = [{"role": "user", "content": picture}]
    assert fake.bodies == [{"messages": messages, "model": "qwen3:0.6b", **more}]


def test_a_model_that_is_not_there_stops_the_start(fake: FakeOllama) -> None:
    with pytest.raises(InputError) as caught:
        started(fake, models={"small": "mistral"})
    assert caught.value.key == "engines.no_such_model"
    assert "mistral" in str(caught.value) and MODELS[0] in str(caught.value)


def test_a_server_that_is_not_there_is_said_at_the_start_and_later(fake: FakeOllama) -> None:
    with pytest.raises(InputError) as caught:
        Remote(RemoteSettings("http://127.0.0.1:9/v1")).start()
    assert caught.value.key == "client.gone"
    engine = Remote(RemoteSettings("http://127.0.0.1:9/v1", {"x": "x"}))
    with pytest.raises(ApiError) as later:
        asyncio.run(engine.complete(request("x")))
    assert later.value.status == 503 and "127.0.0.1:9" in later.value.message


def test_what_the_server_refuses_is_the_clients_error(fake: FakeOllama) -> None:
    async def refused(engine: Remote) -> list[ApiError]:
        errors = []
        for asking in (engine.complete, lambda asked: anext(engine.stream(asked))):
            with pytest.raises(ApiError) as caught:
                await asking(request(MODELS[0], "too long"))
            errors.append(caught.value)
        return errors

    for error in asyncio.run(refused(started(fake))):
        assert (error.status, error.type) == (400, "exceed_context_size_error")


def test_leaving_a_stream_ends_it_at_the_server(fake: FakeOllama) -> None:
    fake.endless = True

    async def leave() -> None:
        stream = started(fake).stream(request(MODELS[0]))
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]
        for _ in range(200):
            if fake.left:
                return
            await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert fake.left


def test_the_key_is_in_the_environment_and_is_sent(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError) as caught:
        Remote(RemoteSettings(fake.url, api_key_env="OLLAMA_KEY"))
    assert caught.value.key == "client.no_key"
    monkeypatch.setenv("OLLAMA_KEY", "secret")
    asyncio.run(started(fake, api_key_env="OLLAMA_KEY").complete(request(MODELS[0])))
    assert fake.keys == ["Bearer secret"]


def test_no_proxy_comes_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied({"data": [{"id": "m"}], "choices": []}, monkeypatch) as seen:
        engine = Remote(RemoteSettings(f"{seen.url}/v1"))
        engine.start()
        asyncio.run(engine.complete(request("m")))
    assert seen.served == ["GET /v1/models", "POST /v1/chat/completions"] and seen.proxied == []

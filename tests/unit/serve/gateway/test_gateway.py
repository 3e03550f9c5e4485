"""The gateway over engines that answer at once: arms come and go while requests are in flight."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from fake_engine import FakeEngine
from fake_ollama import ollama
from kamerton.engines.remote import Remote, RemoteSettings
from kamerton.serve.gateway.app import Gateway, create
from kamerton.serve.gateway.arms import Arm, Arms

Talk = Callable[[httpx.AsyncClient, Arms], Awaitable[None]]


def talk(arms: Arms, what: Talk) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(create(Gateway(arms)))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            await what(client, arms)

    asyncio.run(run())


async def ask(client: httpx.AsyncClient, model: str, **more: object) -> httpx.Response:
    messages = [{"role": "user", "content": "who are you?"}]
    body: dict[str, Any] = {"model": model, "messages": messages, **more}
    return await client.post("/v1/chat/completions", json=body)


def text(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def test_an_arm_is_its_engines_model_under_its_own_id() -> None:
    engine = FakeEngine((None, "museum"))

    async def what(client: httpx.AsyncClient, _: Arms) -> None:
        answer = await ask(client, "guide", seed=7, lora=[{"id": 0}], id_slot=3, logit_bias={})
        assert answer.json()["model"] == "guide" and text(answer) == "I am museum."
        (request,) = engine.requests
        assert (request.model, request.arm) == ("museum", "guide")
        assert request.body["messages"][0] == {"role": "system", "content": "Be kind."}
        assert set(request.body) == {"messages", "seed", "logit_bias"}

    talk(Arms([Arm("guide", engine, "museum", system="Be kind.")]), what)


def test_contents_of_every_kind_reach_the_engine_as_they_are() -> None:
    engine = FakeEngine()
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "7"},
    ]

    async def what(client: httpx.AsyncClient, _: Arms) -> None:
        answer = await ask(client, "base", messages=turns, tools=[{"type": "function"}])
        assert answer.status_code == 200
        assert engine.requests[0].body == {"messages": turns, "tools": [{"type": "function"}]}

    talk(Arms([Arm("base", engine, None)]), what)


def test_an_arm_that_is_added_answers_and_is_listed() -> None:
    async def what(client: httpx.AsyncClient, arms: Arms) -> None:
        assert (await ask(client, "new")).status_code == 404
        arms.add(Arm("new", FakeEngine(("x",)), "x"))
        assert text(await ask(client, "new")) == "I am x."
        rows = (await client.get("/v1/models")).json()["data"]
        assert [row["id"] for row in rows] == ["base", "new"]
        assert set((await client.get("/health")).json()["models"]) == {"base", "new"}
        with pytest.raises(ValueError, match="taken"):
            arms.add(Arm("new", FakeEngine(), None))

    talk(Arms([Arm("base", FakeEngine(), None)]), what)


@pytest.mark.parametrize("stream", [True, False])
def test_a_removed_arm_answers_what_is_in_flight_and_nothing_new(stream: bool) -> None:
    async def what(client: httpx.AsyncClient, arms: Arms) -> None:
        gate = asyncio.Event()
        engine = FakeEngine(("x",), gate=gate)
        arms.add(Arm("old", engine, "x"))
        in_flight = asyncio.create_task(ask(client, "old", stream=stream))
        while not engine.requests:
            await asyncio.sleep(0)
        removing = asyncio.create_task(arms.remove("old"))
        await asyncio.sleep(0.01)
        refused = await ask(client, "old")
        assert refused.status_code == 404
        error = refused.json()["error"]
        assert error["code"] == "model_not_found" and "was removed" in error["message"]
        assert not removing.done(), "its request is not answered yet"
        gate.set()
        answer = await in_flight
        assert answer.status_code == 200 and "I am x." in answer.text
        assert (await removing).engine is engine
        assert text(await ask(client, "base")) == "I am the base."
        arms.add(Arm("old", FakeEngine(("y",)), "y"))
        assert text(await ask(client, "old")) == "I am y."

    talk(Arms([Arm("base", FakeEngine(), None)]), what)


def test_a_replaced_arm_ends_what_it_began_and_the_new_one_takes_what_comes() -> None:
    async def what(client: httpx.AsyncClient, arms: Arms) -> None:
        gate = asyncio.Event()
        engine = FakeEngine(("first",), gate=gate)
        arms.add(Arm("guide", engine, "first"))
        in_flight = asyncio.create_task(ask(client, "guide"))
        while not engine.requests:
            await asyncio.sleep(0)
        replacing = asyncio.create_task(
            arms.replace(Arm("guide", FakeEngine(("second",)), "second"))
        )
        await asyncio.sleep(0.01)
        assert text(await ask(client, "guide")) == "I am second."
        assert not replacing.done()
        gate.set()
        assert text(await in_flight) == "I am first." and (await replacing).engine is engine
        assert arms.ids == ["base", "guide"]

    talk(Arms([Arm("base", FakeEngine(), None)]), what)


def test_a_stream_ends_with_done_and_carries_the_arms_id() -> None:
    async def what(client: httpx.AsyncClient, _: Arms) -> None:
        lines = (await ask(client, "guide", stream=True)).text.split("\n\n")
        assert lines.pop() == "" and lines.pop() == "data: [DONE]"
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
        assert {chunk["model"] for chunk in chunks} == {"guide"}

    talk(Arms([Arm("guide", FakeEngine(), None)]), what)


def test_a_model_must_be_named() -> None:
    async def what(client: httpx.AsyncClient, _: Arms) -> None:
        answer = await ask(client, "")
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "model"

    talk(Arms([Arm("base", FakeEngine(), None)]), what)


def test_a_stand_in_ollama_behind_the_gateway() -> None:
    with ollama() as fake:
        engine = Remote(RemoteSettings(fake.url, {"small": "qwen3:0.6b"}))
        engine.start()

        async def what(client: httpx.AsyncClient, _: Arms) -> None:
            answer = await ask(client, "small", tools=[{"type": "function"}])
            assert text(answer) == "I am qwen3:0.6b." and answer.json()["model"] == "small"
            streamed = await ask(client, "small", stream=True)
            assert "qwen3:0.6b" in streamed.text and streamed.text.endswith("data: [DONE]\n\n")
            assert (await client.get("/health")).json()["models"] == {"small": "ok"}
            refused = await ask(client, "small", messages=[{"role": "user", "content": "too long"}])
            assert refused.json()["error"]["type"] == "exceed_context_size_error"

        talk(Arms([Arm("small", engine, "small")]), what)
    assert fake.bodies[0]["tools"] and fake.bodies[0]["model"] == "qwen3:0.6b"

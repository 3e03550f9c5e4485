"""The transformers engine's routes, over a real socket, with a stand-in for the model."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn

from kamerton.engines.openai_api import ApiError, ChatRequest
from kamerton.engines.transformers.soft_prompts import Finish
from kamerton.engines.transformers.worker import Routes, create, read

KEY = {"Authorization": "Bearer secret"}
ROUTE = "/v1/chat/completions"


class Scripted:
    """Answers `words`; with "forever" it goes on until its client leaves."""

    def __init__(self) -> None:
        self.words = ["Идол", " из", " Помоса"]
        self.left = threading.Event()
        self.begun = threading.Event()
        self.running = self.most_running = self.generated = 0

    def tokens(self, chat: list[dict[str, Any]]) -> list[int]:
        return list(range(len(chat[-1]["content"])))

    def room(self, ids: list[int], limit: int | None) -> int:
        if len(ids) > 50:
            raise ApiError(400, "too long", type="exceed_context_size_error")
        return 9

    def next_token(self, prompt: str, adapter: str | None) -> dict[int, float]:
        return {7: -1.0 if adapter else -2.0}

    def generate(
        self,
        request: ChatRequest,
        ids: list[int],
        on_text: Callable[[str], None],
        cancelled: threading.Event,
    ) -> Finish:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.generated += 1
        try:
            if request.messages[0].content == "break":
                raise RuntimeError("planted")
            for word in self.words:
                on_text(word)
            if request.messages[0].content == "slow":
                time.sleep(0.05)
            self.begun.set()
            if request.messages[0].content == "forever" and cancelled.wait(30):
                self.left.set()
            return Finish("stop", len(ids), 3)
        finally:
            self.running -= 1


@pytest.fixture
def model() -> Scripted:
    return Scripted()


@pytest.fixture
def url(model: Scripted) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create(model, "secret"), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield "http://{}:{}".format(*listener.getsockname())
        server.should_exit = True
        thread.join(30)


def body(text: str = "?", **more: object) -> dict[str, object]:
    return {"model": "soft", "messages": [{"role": "user", "content": text}], **more}


def test_a_plain_answer_is_in_openais_form(url: str) -> None:
    found = httpx.post(url + ROUTE, json=body("four"), headers=KEY).json()
    (choice,) = found["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Идол из Помоса"}
    assert choice["finish_reason"] == "stop" and found["object"] == "chat.completion"
    assert found["usage"] == {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}


def test_a_stream_is_one_event_a_piece_and_ends(url: str) -> None:
    asked = body(stream=True, stream_options={"include_usage": True})
    with httpx.stream("POST", url + ROUTE, json=asked, headers=KEY) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    words = [{"content": word} for word in ("Идол", " из", " Помоса")]
    assert deltas == [{"role": "assistant", "content": ""}, *words, {}]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_usage_is_in_a_stream_only_where_it_was_asked_for(url: str) -> None:
    text = httpx.post(url + ROUTE, json=body(stream=True), headers=KEY).text
    assert "usage" not in text and text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("method", "route"), [("GET", "/health"), ("POST", "/next-token"), ("POST", ROUTE)]
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer secreT"}])
def test_without_the_key_there_is_no_answer(
    url: str, model: Scripted, method: str, route: str, headers: dict[str, str]
) -> None:
    answer = httpx.request(method, url + route, json=body(), headers=headers)
    assert answer.status_code == 401 and answer.json()["error"]["type"] == "authentication_error"
    assert model.generated == 0
    assert httpx.get(url + "/openapi.json").status_code == 404


def test_health_and_the_proofs_figures(url: str) -> None:
    assert httpx.get(url + "/health", headers=KEY).json() == {"status": "ok"}
    for adapter, logprob in (("soft", -1.0), (None, -2.0)):
        asked = {"prompt": "x", "model": adapter}
        found = httpx.post(url + "/next-token", json=asked, headers=KEY).json()
        assert found == {"7": logprob}


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_ends_when_its_client_leaves(url: str, model: Scripted, stream: bool) -> None:
    asked = json.dumps(body("forever", stream=stream))
    host, port = url.removeprefix("http://").split(":")
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {KEY['Authorization']}\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"{head}Content-Length: {len(asked)}\r\n\r\n{asked}".encode())
        assert model.begun.wait(20)
    # The connection is closed: the client has left.
    assert model.left.wait(20), "the computing went on for nobody"
    assert httpx.post(url + ROUTE, json=body(), headers=KEY).status_code == 200


def test_one_answer_is_made_at_a_time_and_the_others_wait(url: str, model: Scripted) -> None:
    with ThreadPoolExecutor(6) as many:
        answers = list(
            many.map(lambda _: httpx.post(url + ROUTE, json=body("slow"), headers=KEY), range(12))
        )
    assert [answer.status_code for answer in answers] == [200] * 12
    assert model.generated == 12 and model.most_running == 1


def test_who_leaves_while_waiting_is_not_computed_for(model: Scripted) -> None:
    async def trip() -> list[object]:
        routes = Routes(model)
        first = asyncio.create_task(routes.complete(read(body("forever")), [1]))
        assert await asyncio.to_thread(model.begun.wait, 20)
        second = asyncio.create_task(routes.complete(read(body()), [1]))
        await asyncio.sleep(0.01)  # it has asked, and waits for its turn
        for one in (second, first):
            one.cancel()
            await asyncio.gather(one, return_exceptions=True)
        whole = await routes.complete(read(body()), [1])
        return [second.cancelled(), first.cancelled(), whole["usage"]["prompt_tokens"]]

    assert asyncio.run(trip()) == [True, True, 1]
    assert model.left.is_set() and model.generated == 2, "nothing for the one in the middle"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("content", "param"),
    [("not json", None), (json.dumps({"model": "a", "messages": []}), "messages")],
)
def test_what_is_wrong_is_told_before_anything_is_computed(
    url: str, model: Scripted, content: str, param: str | None, stream: bool
) -> None:
    answer = httpx.post(url + ROUTE, content=content, headers=KEY)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param
    long = httpx.post(url + ROUTE, json=body("x" * 60, stream=stream), headers=KEY)
    assert long.status_code == 400
    assert long.json()["error"]["type"] == "exceed_context_size_error"
    assert model.generated == 0


def test_a_failure_of_the_model_is_a_500_and_the_next_one_is_answered(url: str) -> None:
    assert httpx.post(url + ROUTE, json=body("break"), headers=KEY).status_code == 500
    assert httpx.post(url + ROUTE, json=body(), headers=KEY).status_code == 200

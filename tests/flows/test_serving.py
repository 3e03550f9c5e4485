"""One base and two adapters behind the OpenAI API, on a tiny model in the real engine."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kamerton.formats.errors import InputError
from kamerton.formats.retrieval import with_context
from kamerton.serve.engines.llamacpp import Engine, EngineSettings, scales
from kamerton.serve.run import load_spec, serve
from kamerton.serve.settings import ServeSettings
from serving import SCRIPT, children, served
from tiny import PASSAGES, write_spec

ARMS = ["base", "museum", "desk", "base+rag", "museum+rag", "desk+rag"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spec(tmp_path_factory.mktemp("spec"), ("museum", "desk"), index=True)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with served(folder) as (base_url, _):
        yield base_url


def body(model: str, text: str, **more: object) -> dict[str, object]:
    turns = [{"role": "user", "content": text}]
    return {"model": model, "messages": turns, "temperature": 0.0, "max_tokens": 12, **more}


def ask(base_url: str, model: str, text: str, **more: object) -> str:
    answer = httpx.post(
        f"{base_url}/v1/chat/completions", json=body(model, text, **more), timeout=60
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model"] == model
    return str(found["choices"][0]["message"]["content"])


def test_the_openai_client_lists_models_and_streams_from_each(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ARMS
    texts = {}
    for arm in ARMS:
        stream = client.chat.completions.create(
            model=arm,
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            temperature=0,
            max_tokens=12,
        )
        texts[arm] = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert len(set(texts.values())) == 6, "each adapter and each passage changes the answer"
    assert all(texts[arm] == ask(server, arm, "hello") for arm in ARMS)


def test_an_unknown_model_is_a_404_in_openais_form(server: str) -> None:
    from openai import NotFoundError, OpenAI

    with pytest.raises(NotFoundError) as caught:
        OpenAI(base_url=f"{server}/v1", api_key="none").chat.completions.create(
            model="nope", messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.code == "model_not_found" and caught.value.param == "model"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("not json", None),
        ('{"model": "base"}', "messages"),
        ('{"model": "base", "messages": []}', "messages"),
        ('{"model": "base", "messages": [{"role": "user"}]}', "messages.0.content"),
        ('{"model": "base", "messages": [{"role": "user", "content": "?"}], "n": 2}', "n"),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_field(server: str, content: str, field: str) -> None:
    answer = httpx.post(f"{server}/v1/chat/completions", content=content)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == field


def test_health_asks_every_arm(server: str) -> None:
    answer = httpx.get(f"{server}/health", timeout=60)
    assert answer.status_code == 200
    assert answer.json()["models"] == dict.fromkeys(ARMS, "ok")


def test_passages_are_named_and_reach_the_model(server: str) -> None:
    text = "What is the Idol of Pomos carved from?"
    answer = httpx.post(f"{server}/v1/chat/completions", json=body("base+rag", text), timeout=60)
    found = answer.json()["kamerton"]["passages"]
    assert found[0] == "idol"
    by_hand = with_context(text, [PASSAGES[name] for name in found])
    assert answer.json()["choices"][0]["message"]["content"] == ask(server, "base", by_hand)
    with httpx.stream(
        "POST", f"{server}/v1/chat/completions", json=body("museum+rag", text, stream=True)
    ) as stream:
        first = next(line for line in stream.iter_lines() if line)
    assert json.loads(first.removeprefix("data: "))["kamerton"]["passages"] == found


def test_a_client_cannot_choose_adapters_or_slots(server: str) -> None:
    forged = {"lora": [{"id": 0, "scale": 1.0}], "id_slot": 0}
    assert ask(server, "base", "hello", **forged) == ask(server, "base", "hello")


def prompts() -> list[tuple[str, str]]:
    """Chats that share long beginnings across arms: what a mixed cache would get wrong."""
    rng = random.Random(5)
    stems = ["the old bronze idol from the hill by the sea", "a bowl of red clay with two bulls"]
    asked = [(arm, f"{stem} {n}") for arm in ARMS for stem in stems for n in range(3)]
    rng.shuffle(asked)
    return asked


def test_no_arm_answers_from_another_arms_cache(folder: Path, server: str) -> None:
    """Every answer of mixed, concurrent requests equals the cold answer of its arm.

    Requests in one batch are summed in another order: a token may change where the two likeliest
    were as good as equal. Another arm's cache changes tokens that were sure.
    """
    asked = prompts()
    with served(folder, slots=1) as (cold_url, _):
        cold = {p: cold_answer(cold_url, *p) for p in asked}
    with ThreadPoolExecutor(1) as one:
        in_turn = list(one.map(lambda p: tokens(server, *p), asked))
    with ThreadPoolExecutor(4) as many:
        mixed = list(many.map(lambda p: tokens(server, *p), asked))
    for found in (in_turn, mixed):
        pairs = list(zip(asked, found, strict=True))
        assert [p for p, given in pairs if margin(cold[p], given) > CLOSE] == []
        same = sum(margin(cold[p], given) == 0 for p, given in pairs)
        assert same >= 0.9 * len(pairs), "too many answers changed for rounding to be the cause"


CLOSE = 0.02
"""Nats between the two likeliest tokens below which rounding may turn them."""
Tokens = list[tuple[str, float]]
"""Each token with its lead over the second likeliest one, in nats."""


def tokens(base_url: str, model: str, text: str) -> Tokens:
    more: dict[str, object] = {"logprobs": True, "top_logprobs": 2}
    answer = httpx.post(
        f"{base_url}/v1/chat/completions", json=body(model, text, **more), timeout=60
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()["choices"][0]["logprobs"]["content"]
    tops = [[top["logprob"] for top in token["top_logprobs"]] for token in found]
    return [(t["token"], top[0] - top[1]) for t, top in zip(found, tops, strict=True)]


def margin(cold: Tokens, given: Tokens) -> float:
    """The lead that the first token that changed had in the cold answer; 0 for equal answers."""
    changed = (lead for (one, lead), (two, _) in zip(cold, given, strict=False) if one != two)
    return max(next(changed, 0.0), 0.0)


def cold_answer(base_url: str, arm: str, text: str) -> Tokens:
    """The answer after another arm had the only slot: its cache is never gone on from."""
    other = next(a for a in ARMS if a != arm)
    ask(base_url, other, "something else entirely", max_tokens=1)
    return tokens(base_url, arm, text)


def test_the_naive_way_would_be_wrong(folder: Path) -> None:
    """Without the whole list of adapters the engine mixes them: the test above can fail."""
    spec = load_spec(folder)
    settings = EngineSettings(
        str(folder / spec.base), tuple(str(folder / a.file) for a in spec.adapters), 256, 1, 2
    )
    engine = Engine(settings)
    engine.start()
    try:
        full = scales("museum", ("museum", "desk"))
        right = [
            complete(engine, text, {"lora": scales(None, ("museum", "desk"))}, False)
            for text in TEXTS
        ]
        mixed = []
        for text in TEXTS:
            complete(engine, text, {"lora": full}, True)
            mixed.append(complete(engine, text, {}, True))
    finally:
        engine.stop()
    assert mixed != right


TEXTS = ["the old bronze idol from the hill", "a bowl of red clay with two bulls", "who made it"]


def complete(engine: Engine, text: str, more: dict[str, object], cache: bool) -> str:
    data = {"messages": [{"role": "user", "content": text}], "temperature": 0.0, "max_tokens": 12}
    whole = json.dumps({**data, **more, "cache_prompt": cache}).encode()
    headers = {"Content-Type": "application/json", **engine.headers}
    url = f"{engine.address}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, whole, headers), timeout=60) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


def test_a_port_in_use_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServeSettings(port=taken.getsockname()[1])
        with pytest.raises(InputError) as caught:
            serve(tmp_path / "not even there", settings)
    assert "--port" in str(caught.value)


@pytest.mark.parametrize("name", ["base.gguf", "museum.gguf"])
def test_a_corrupt_file_is_refused(tmp_path: Path, name: str) -> None:
    write_spec(tmp_path)
    file = next(p for p in tmp_path.iterdir() if p.name == name)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        serve(tmp_path, ServeSettings(port=0))
    assert name in str(caught.value)


def test_an_adapter_that_does_nothing_is_not_served(tmp_path: Path) -> None:
    write_spec(tmp_path, strength=0.0)
    with pytest.raises(InputError) as caught:
        serve(tmp_path, ServeSettings(port=0))
    assert "museum" in str(caught.value)


def test_a_killed_engine_comes_back(folder: Path) -> None:
    with served(folder) as (base_url, pid):
        before = ask(base_url, "museum", "hello")
        os.kill(children(pid)[0], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = httpx.post(
                f"{base_url}/v1/chat/completions", json=body("museum", "hello"), timeout=60
            )
            if answer.status_code == 200:
                break
            assert answer.status_code in {502, 503}, answer.text
            time.sleep(0.1)
        assert answer.json()["choices"][0]["message"]["content"] == before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_behind(folder: Path, tmp_path: Path, number: int, code: int) -> None:
    """However the server ends: no engine goes on, and no temporary file stays."""
    ready = folder / f"ready-{number}"
    arguments = [str(folder), "1", str(ready), ""]
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    while not ready.is_file():
        assert child.poll() is None
        time.sleep(0.05)
    (engine,) = children(child.pid)
    child.send_signal(number)
    assert child.wait(30) == code
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{engine}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{engine}").exists()
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_cannot_load_says_why(tmp_path: Path) -> None:
    base = write_spec(tmp_path) / "base.gguf"
    base.write_bytes(b"not a model at all")
    settings = EngineSettings(str(base), (), 256, 1, 2)
    with pytest.raises(InputError) as caught:
        Engine(settings).start()
    said = str(caught.value)
    assert "base.gguf" in said and "failed to load model" in said and "Traceback" not in said, said


def test_the_engine_answers_nobody_but_its_gateway(folder: Path) -> None:
    engine = Engine(EngineSettings(str(folder / "base.gguf"), (), 256, 1, 2))
    engine.start()
    try:
        asked = {"prompt": "x", "n_predict": 1}
        assert httpx.post(f"{engine.address}/completion", json=asked).status_code == 401
        told = httpx.post(f"{engine.address}/completion", json=asked, headers=engine.headers)
        assert told.status_code == 200
        command = Path(f"/proc/{engine.pid}/cmdline").read_text()
        assert engine.headers["Authorization"].split()[1] not in command
    finally:
        engine.stop()

"""Every kind of adaptation behind the OpenAI API, on tiny models in the real engines."""

import json
import math
import os
import random
import shutil
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
from safetensors.numpy import load_file, save_file

from fake_ollama import ollama
from kamerton.engines.child import ChildProcess
from kamerton.engines.llamacpp.engine import LlamaCpp, LlamaCppSettings, scales
from kamerton.formats.errors import InputError
from kamerton.formats.retrieval import with_context
from kamerton.formats.serving import FILE
from kamerton.serve.folder import load_spec
from kamerton.serve.run import serve
from kamerton.serve.settings import ServeSettings
from serving import SCRIPT, ask, body, children, post, served, stream
from tiny import PASSAGES, write_spec
from tiny_model import make_model

ARMS = ["base", "museum", "desk", "base+rag", "museum+rag", "desk+rag"]
KINDS = ["base", "museum", "whole", "soft", "base+rag", "museum+rag", "whole+rag", "soft+rag"]
ENGINES = [("base", "museum"), ("whole",), ("soft",)]
"""Arms of each engine, in the order in which the engines are started."""
SURE = "Сколько ему лет?"
"""Every arm of KINDS is surer of each token of its answer than rounding can change (0.1 nats)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spec(tmp_path_factory.mktemp("spec"), ("museum", "desk"), index=True)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with served(folder) as (base_url, _):
        yield base_url


@pytest.fixture(scope="module")
def kinds_folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    kinds = {"merged": ("whole",), "prompts": ("soft",), "weights": str(tiny)}
    return write_spec(folder, ("museum",), index=True, **kinds)


@pytest.fixture(scope="module")
def kinds(kinds_folder: Path) -> Iterator[str]:
    with served(kinds_folder) as (base_url, _):
        yield base_url


def test_the_openai_client_lists_models_and_streams_from_each(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ARMS
    texts = {arm: "".join(stream(server, arm, "hello")) for arm in ARMS}
    assert len(set(texts.values())) == 6, "each adapter and each passage changes the answer"
    assert all(texts[arm] == ask(server, arm, "hello") for arm in ARMS)


def test_every_kind_is_listed_answers_and_streams(kinds: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{kinds}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == KINDS
    pieces = {arm: stream(kinds, arm, SURE) for arm in KINDS}
    assert {arm: "".join(found) for arm, found in pieces.items()} == {
        arm: ask(kinds, arm, SURE) for arm in KINDS
    }
    assert len({"".join(found) for found in pieces.values()}) == len(KINDS)
    assert min(len([piece for piece in found if piece]) for found in pieces.values()) > 2
    assert httpx.get(f"{kinds}/health", timeout=60).json()["models"] == dict.fromkeys(KINDS, "ok")


def test_a_soft_prompt_ends_counts_and_refuses_like_the_others(kinds: str) -> None:
    for arm in ("base", "soft"):
        found = post(kinds, arm, "hello", max_tokens=3).json()
        assert found["choices"][0]["finish_reason"] == "length"
        assert found["usage"]["completion_tokens"] == 3
        long = post(kinds, arm, "word " * 1100)
        assert long.status_code == 400
        assert long.json()["error"]["type"] == "exceed_context_size_error"
    unknown = post(kinds, "soft", "hello", response_format={"type": "json_object"})
    assert unknown.status_code == 400 and "response_format" in unknown.text
    forged = {"adapter": "other", "id_slot": 7}
    assert ask(kinds, "soft", "hello", **forged) == ask(kinds, "soft", "hello")


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
    ) as events:
        first = next(line for line in events.iter_lines() if line)
    assert json.loads(first.removeprefix("data: "))["kamerton"]["passages"] == found


def test_a_client_cannot_choose_adapters_or_slots(server: str) -> None:
    forged = {"lora": [{"id": 0, "scale": 1.0}], "id_slot": 0}
    assert ask(server, "base", "hello", **forged) == ask(server, "base", "hello")


def prompts(arms: list[str]) -> list[tuple[str, str]]:
    """Chats that share long beginnings across arms: what a mixed cache would get wrong."""
    rng = random.Random(5)
    stems = ["the old bronze idol from the hill by the sea", "a bowl of red clay with two bulls"]
    asked = [(arm, f"{stem} {n}") for arm in arms for stem in stems for n in range(2)]
    rng.shuffle(asked)
    return asked


@pytest.mark.parametrize(("name", "arms"), [("server", ARMS), ("kinds", KINDS)])
def test_no_arm_answers_from_another_arms_cache(
    request: pytest.FixtureRequest, name: str, arms: list[str]
) -> None:
    """Every answer of mixed, concurrent requests equals the cold answer of its arm.

    Requests in one batch are summed in another order: a token may change where the two likeliest
    were as good as equal. Another arm's cache changes tokens that were sure.
    """
    folder = request.getfixturevalue({"server": "folder", "kinds": "kinds_folder"}[name])
    base_url, asked = request.getfixturevalue(name), prompts(arms)
    with served(folder, slots=1) as (cold_url, _):
        cold = {p: cold_answer(cold_url, *p) for p in asked}
    with ThreadPoolExecutor(1) as one:
        in_turn = list(one.map(lambda p: tokens(base_url, *p), asked))
    with ThreadPoolExecutor(4) as many:
        mixed = list(many.map(lambda p: tokens(base_url, *p), asked))
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
    if model.startswith("soft"):  # no batches, and no log-probabilities: the text must be the same
        return [(ask(base_url, model, text), math.inf)]
    answer = post(base_url, model, text, logprobs=True, top_logprobs=2)
    assert answer.status_code == 200, answer.text
    found = answer.json()["choices"][0]["logprobs"]["content"]
    tops = [[top["logprob"] for top in token["top_logprobs"]] for token in found]
    return [(t["token"], top[0] - top[1]) for t, top in zip(found, tops, strict=True)]


def margin(cold: Tokens, given: Tokens) -> float:
    """The lead that the first token that changed had in the cold answer; 0 for equal answers."""
    changed = (lead for (one, lead), (two, _) in zip(cold, given, strict=False) if one != two)
    return max(next(changed, 0.0), 0.0)


def cold_answer(base_url: str, arm: str, text: str) -> Tokens:
    """The answer after the other arm of its engine had the only slot: nothing to go on from."""
    other = arm.removesuffix("+rag") if arm.endswith("+rag") else f"{arm}+rag"
    ask(base_url, other, "something else entirely", max_tokens=1)
    return tokens(base_url, arm, text)


def test_the_naive_way_would_be_wrong(folder: Path) -> None:
    """Without the whole list of adapters the engine mixes them: the test above can fail."""
    spec = load_spec(folder)
    adapters = {adapter.name: str(folder / adapter.file) for adapter in spec.adapters}
    settings = LlamaCppSettings(str(folder / spec.base), adapters, context=256)
    bare = LlamaCpp(settings)
    bare.start()
    try:
        full = scales("museum", ("museum", "desk"))
        right = [
            complete(bare, text, {"lora": scales(None, ("museum", "desk"))}, False)
            for text in TEXTS
        ]
        mixed = []
        for text in TEXTS:
            complete(bare, text, {"lora": full}, True)
            mixed.append(complete(bare, text, {}, True))
    finally:
        bare.stop()
    assert mixed != right


TEXTS = ["the old bronze idol from the hill", "a bowl of red clay with two bulls", "who made it"]


def complete(engine: ChildProcess, text: str, more: dict[str, object], cache: bool) -> str:
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
        serve(tmp_path, ServeSettings(port=0, threads=1))
    assert name in str(caught.value)


def test_an_adapter_that_does_nothing_is_not_served(tmp_path: Path) -> None:
    write_spec(tmp_path, strength=0.0)
    with pytest.raises(InputError) as caught:
        serve(tmp_path, ServeSettings(port=0, threads=1))
    assert "museum" in str(caught.value)


def test_a_merged_model_that_is_the_base_is_not_served(tmp_path: Path) -> None:
    write_spec(tmp_path, (), merged=("whole",))
    spec = load_spec(tmp_path)
    shutil.copyfile(tmp_path / spec.base, tmp_path / "whole.gguf")
    same = spec.adapters[0].model_copy(update={"sha256": spec.base_sha256})
    whole = spec.model_copy(update={"adapters": [same]})
    (tmp_path / FILE).write_text(whole.model_dump_json())
    with pytest.raises(InputError) as caught:
        serve(tmp_path, ServeSettings(port=0, threads=1))
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == "whole"


def test_a_soft_prompt_that_its_base_does_not_see_is_not_served(tmp_path: Path) -> None:
    """A base whose attention adds nothing says the same with every prompt before it."""
    deaf = make_model(tmp_path / "deaf")
    tensors = load_file(deaf / "model.safetensors")
    closed = {k: v * 0 if "o_proj" in k else v for k, v in tensors.items()}
    save_file(closed, deaf / "model.safetensors", metadata={"format": "pt"})
    write_spec(tmp_path / "spec", (), prompts=("soft",), weights=str(deaf))
    with pytest.raises(InputError) as caught:
        serve(tmp_path / "spec", ServeSettings(port=0, threads=1))
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == "soft"


def test_a_killed_engine_comes_back_and_the_others_go_on(kinds_folder: Path) -> None:
    with served(kinds_folder) as (base_url, pid):
        before = {arm: ask(base_url, arm, SURE) for arm in KINDS}
        running = dict(zip(ENGINES, children(pid), strict=True))
        for arms, killed in list(running.items()):
            os.kill(killed, signal.SIGKILL)
            until(base_url, arms[-1], {502, 503})
            others = [arm for other in ENGINES if other != arms for arm in other]
            if arms == ("soft",):  # the slowest to come back
                assert unwell(base_url) == ["soft", "soft+rag"]
            assert [ask(base_url, arm, SURE) for arm in others] == [before[a] for a in others]
            back = until(base_url, arms[-1], {200})
            assert back.json()["choices"][0]["message"]["content"] == before[arms[-1]]
            (running[arms],) = set(children(pid)) - set(running.values())
            assert set(children(pid)) == set(running.values()), "only this one began again"
        assert {arm: ask(base_url, arm, SURE) for arm in KINDS} == before


def unwell(base_url: str) -> list[str]:
    """Arms of which /health says that they do not answer."""
    answer = httpx.get(f"{base_url}/health", timeout=60)
    found = [arm for arm, state in answer.json()["models"].items() if state != "ok"]
    assert answer.status_code == (503 if found else 200)
    return found


def until(base_url: str, arm: str, statuses: set[int]) -> httpx.Response:
    """The first reply of an arm with one of these statuses."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        answer = post(base_url, arm, SURE)
        if answer.status_code in statuses:
            return answer
        assert answer.status_code in {200, 502, 503}, answer.text
        time.sleep(0.05)
    raise AssertionError(f"{arm} never gave {statuses}")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_behind(kinds_folder: Path, tmp_path: Path, number: int, code: int) -> None:
    """However the server ends: no engine goes on, and no temporary file stays."""
    folder, log = kinds_folder, kinds_folder / "stderr.txt"
    ready = folder / f"ready-{number}"
    arguments = [str(folder), "1", str(ready), ""]
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stderr=log.open("w"),
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    while not ready.is_file():
        assert child.poll() is None
        time.sleep(0.05)
    running = [Path(f"/proc/{engine}") for engine in children(child.pid)]
    child.send_signal(number)
    assert child.wait(30) == code
    assert len(running) == 3 and "3 engines: llama.cpp (base, museum)" in log.read_text()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(engine.exists() for engine in running):
        time.sleep(0.05)
    assert not [engine for engine in running if engine.exists()]
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_cannot_load_says_why(tmp_path: Path) -> None:
    base = write_spec(tmp_path) / "base.gguf"
    base.write_bytes(b"not a model at all")
    with pytest.raises(InputError) as caught:
        LlamaCpp(LlamaCppSettings(str(base), context=256)).start()
    said = str(caught.value)
    assert "base.gguf" in said and "failed to load model" in said and "Traceback" not in said, said


def test_the_engine_answers_nobody_but_its_gateway(folder: Path) -> None:
    bare = LlamaCpp(LlamaCppSettings(str(folder / "base.gguf"), context=256))
    bare.start()
    try:
        asked = {"prompt": "x", "n_predict": 1}
        assert httpx.post(f"{bare.address}/completion", json=asked).status_code == 401
        told = httpx.post(f"{bare.address}/completion", json=asked, headers=bare.headers)
        assert told.status_code == 200
        command = Path(f"/proc/{bare.pid}/cmdline").read_text()
        assert bare.headers["Authorization"].split()[1] not in command
    finally:
        bare.stop()


def test_another_servers_models_are_served(tmp_path: Path) -> None:
    with ollama() as fake:
        remote = {"base_url": fake.url, "models": {"small": "qwen3:0.6b"}}
        (tmp_path / FILE).write_text(json.dumps({"remote": [remote]}))
        with served(tmp_path) as (base_url, pid):
            assert ask(base_url, "small", "who are you?") == "I am qwen3:0.6b."
            assert "".join(stream(base_url, "small", "?")).startswith("I am")
            assert children(pid) == [], "nothing is loaded here"

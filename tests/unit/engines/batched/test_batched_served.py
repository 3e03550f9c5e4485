"""The batched engine's own process, over HTTP."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from batched_model import batched, folder_of, one_by_one, plain, tokens

from kamerton.engines.batched.engine import Batched, BatchedSettings, running
from kamerton.engines.batched.requests import Request as Prompt
from kamerton.engines.batched.requests import SamplingParams
from kamerton.engines.batched.worker import fingerprint
from kamerton.engines.child import ChildProcess
from kamerton.engines.protocol import Request
from kamerton.formats.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[ChildProcess]:
    with running(BatchedSettings(str(folder), "tiny", template="chatml", slots=4)) as one:
        yield one


def post(engine: ChildProcess, route: str = "completions", **body: Any) -> httpx.Response:
    url = f"{engine.address}/v1/{route}"
    return httpx.post(url, json=body, headers=engine.headers, timeout=60, trust_env=False)


def test_answers_are_the_engines(engine: ChildProcess, folder: Path) -> None:
    asked = [Prompt(tokens(20 + i, i), SamplingParams(max_tokens=8 + i)) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(
            pool.map(
                lambda one: post(
                    engine,
                    prompt=list(one.ids),
                    temperature=0,
                    max_tokens=one.sampling.max_tokens,
                ).json(),
                asked,
            )
        )
    decode = plain(folder)[1].decode
    whole = [decode(ids, skip_special_tokens=True) for ids in one_by_one(folder, asked)]
    expected = [text.rstrip("\ufffd") for text in whole]  # half a character is no text
    assert [one["choices"][0]["text"] for one in found] == expected
    assert [one["usage"]["prompt_tokens"] for one in found] == list(range(20, 26))


def test_samples_depend_on_seed_and_number(engine: ChildProcess, folder: Path) -> None:
    asked: dict[str, Any] = {"prompt": "Where is the idol?", "max_tokens": 9, "seed": 5}
    four = post(engine, n=4, **asked).json()["choices"]
    two = post(engine, n=2, **asked).json()["choices"]
    assert four[:2] == two and len({choice["text"] for choice in four}) > 1
    ids = tuple(plain(folder)[1](asked["prompt"]).input_ids)
    how = SamplingParams(temperature=1.0, max_tokens=9)
    direct = batched(folder).generate([Prompt(ids, how, f"5:{i}") for i in range(4)])
    assert [choice["text"] for choice in four] == [reply.text for reply in direct]


def test_chats_and_models(engine: ChildProcess, folder: Path) -> None:
    turns = [{"role": "user", "content": "Where is the idol?"}]
    found = post(engine, "chat/completions", messages=turns, temperature=0, max_tokens=5).json()
    assert found["object"] == "chat.completion" and found["usage"]["completion_tokens"] <= 5
    url = f"{engine.address}/v1/models"
    (row,) = httpx.get(url, headers=engine.headers, trust_env=False).json()["data"]
    assert row["id"] == "tiny" and row["fingerprint"] == fingerprint(folder)


SCORED: dict[str, Any] = {"echo": True, "logprobs": 1, "temperature": 0}


@pytest.mark.parametrize("more", [0, 1])
def test_prompts_are_told_back_with_their_scores(
    engine: ChildProcess, folder: Path, more: int
) -> None:
    """As lm-evaluation-harness's client reads it, several prompts in one request."""
    tokenizer = plain(folder)[1]
    prompts = ["Where is the idol? Он в музее 🏺.", "It was made"]
    ids = [tokenizer(text).input_ids for text in prompts]
    found = post(engine, prompt=ids, max_tokens=more, **SCORED).json()
    direct = batched(folder).score([tuple(one) for one in ids])
    assert [choice["index"] for choice in found["choices"]] == [0, 1]
    for text, asked, choice, one in zip(prompts, ids, found["choices"], direct, strict=True):
        told = choice["logprobs"]
        lengths = {len(told[name]) for name in told}
        assert lengths == {len(asked) + more} and told["token_logprobs"][0] is None
        assert choice["text"].startswith(text) and "".join(told["tokens"]) == choice["text"]
        scores = [score.log_prob for score in one.scores if score]
        assert told["token_logprobs"][1 : len(asked)] == pytest.approx(scores, abs=1e-5)
        # What its parser does: the top_token is the largest of the figures at a place.
        tops = zip(one.scores[1:], told["top_logprobs"][1:], strict=False)
        assert all(max(top.values()) >= score.log_prob - 1e-5 for score, top in tops if score)
        for token, offset in zip(told["tokens"], told["text_offset"], strict=True):
            assert choice["text"][offset:].startswith(token)
    assert found["usage"]["completion_tokens"] == 2 * more
    same = post(engine, prompt=prompts, max_tokens=more, **SCORED).json()["choices"]
    assert [one["text"] for one in same] == [one["text"] for one in found["choices"]]


def test_the_token_behind_a_scored_prompt_is_the_greedy_one(engine: ChildProcess) -> None:
    ids = list(tokens(30, 8))
    scored = post(engine, prompt=ids, max_tokens=1, **SCORED).json()["choices"][0]["logprobs"]
    answer = post(engine, prompt=ids, max_tokens=1, temperature=0).json()["choices"][0]["text"]
    assert scored["tokens"][-1].replace("\ufffd", "") == answer
    assert scored["token_logprobs"][-1] == max(scored["top_logprobs"][-1].values())


def test_several_prompts_are_answered_in_order(engine: ChildProcess) -> None:
    asked: dict[str, Any] = {"max_tokens": 5, "temperature": 0.9, "seed": 3}
    both = post(engine, prompt=["Where is", "It was"], n=2, **asked).json()
    alone = [post(engine, prompt=text, n=2, **asked).json() for text in ("Where is", "It was")]
    texts = [choice["text"] for one in alone for choice in one["choices"]]
    assert [choice["text"] for choice in both["choices"]] == texts
    for name, count in both["usage"].items():
        assert count == sum(one["usage"][name] for one in alone)


def test_a_text_in_tokens(engine: ChildProcess, folder: Path) -> None:
    tokenizer = plain(folder)[1]
    url = f"{engine.address}/tokenize"
    body = {"prompt": "It was made", "add_special_tokens": False, "model": "tiny"}
    found = httpx.post(url, json=body, headers=engine.headers, trust_env=False).json()
    ids = tokenizer("It was made").input_ids
    assert found["tokens"] == ids and found["count"] == len(ids)
    assert found["max_model_len"] == 1024 and found["prefix_token"] == tokenizer.bos_token_id


def test_fingerprint_follows_weights_and_tokenizer(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json", "README.md"):
        (tmp_path / name).write_text("a")
    first = fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("b")
    assert fingerprint(tmp_path) == first
    (tmp_path / "tokenizer.json").write_text("b")
    assert fingerprint(tmp_path) != first


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "prompt"),
        ({"prompt": "a", "n": 0}, 400, "n:"),
        ({"prompt": "a", "stream": True}, 400, "stream"),
        ({"prompt": "a", "logit_bias": {"5": 1}}, 400, "logit_bias"),
        ({"prompt": "a", "model": "other"}, 404, "tiny"),
        ({"prompt": []}, 400, "0 tokens"),
        ({"prompt": [5] * 2000}, 400, "2000 tokens"),
        ({"prompt": [10**6]}, 400, "below"),
        ({"prompt": [[5], [10**6]]}, 400, "below"),
        ({"prompt": "a", "logprobs": 1}, 400, "echo: true"),
        ({"prompt": "a", "max_tokens": 0}, 400, "max_tokens"),
        ({"prompt": "a", "echo": True}, 400, "logprobs"),
        ({"prompt": "a", "echo": True, "logprobs": 5}, 400, "logprobs"),
        ({"prompt": "a", "echo": True, "logprobs": 1}, 400, "max_tokens"),
        ({"prompt": "a", "echo": True, "logprobs": 1, "max_tokens": 1}, 400, "temperature"),
        ({"prompt": "a", "echo": True, "logprobs": 1, "max_tokens": 0, "n": 2}, 400, "n:"),
        ({"prompt": [5] * 1025, "echo": True, "logprobs": 1, "max_tokens": 0}, 400, "1025 tokens"),
    ],
)
def test_what_cannot_be_answered_is_said(
    engine: ChildProcess, body: dict[str, Any], status: int, says: str
) -> None:
    found = post(engine, **body)
    assert found.status_code == status and says in found.json()["error"]["message"]


def test_only_with_the_key(engine: ChildProcess) -> None:
    url = f"{engine.address}/v1/completions"
    assert httpx.post(url, json={"prompt": "a"}, trust_env=False).status_code == 401


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="engine did not start"),
        running(BatchedSettings(str(tmp_path), "none")),
    ):
        pass


def test_behind_the_protocol_an_answer_comes_as_one_delta(folder: Path) -> None:
    async def both(engine: Batched) -> tuple[str, str]:
        messages = [{"role": "user", "content": "Where is the idol?"}]
        request = Request({"messages": messages, "temperature": 0, "max_tokens": 5}, "tiny")
        whole = await engine.complete(request)
        pieces = [chunk async for chunk in engine.stream(request)]
        assert pieces[0]["choices"][0]["finish_reason"] is None
        text = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
        return whole["choices"][0]["message"]["content"], text

    engine = Batched(BatchedSettings(str(folder), "tiny", template="chatml", slots=2))
    assert engine.capabilities.chat and engine.capabilities.prompt_logprobs
    try:
        engine.start()
        whole, streamed = asyncio.run(both(engine))
    finally:
        engine.stop()
    assert whole == streamed != ""

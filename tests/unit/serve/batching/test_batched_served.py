"""The batched engine's own process, over HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from batched_model import batched, folder_of, one_by_one, plain, tokens

from kamerton.formats.errors import InputError
from kamerton.serve.engines.batched import BatchedSettings, running
from kamerton.serve.engines.batched_worker import fingerprint
from kamerton.serve.engines.batching.requests import Request, Sampling
from kamerton.serve.engines.process import Engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    with running(BatchedSettings(str(folder), "tiny", template="chatml", slots=4)) as one:
        yield one


def post(engine: Engine, route: str = "completions", **body: Any) -> httpx.Response:
    url = f"{engine.address}/v1/{route}"
    return httpx.post(url, json=body, headers=engine.headers, timeout=60, trust_env=False)


def test_answers_are_the_engines(engine: Engine, folder: Path) -> None:
    asked = [Request(tokens(20 + i, i), Sampling(max_tokens=8 + i)) for i in range(6)]
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


def test_samples_depend_on_seed_and_number(engine: Engine, folder: Path) -> None:
    asked: dict[str, Any] = {"prompt": "Where is the idol?", "max_tokens": 9, "seed": 5}
    four = post(engine, n=4, **asked).json()["choices"]
    two = post(engine, n=2, **asked).json()["choices"]
    assert four[:2] == two and len({choice["text"] for choice in four}) > 1
    ids = tuple(plain(folder)[1](asked["prompt"]).input_ids)
    how = Sampling(temperature=1.0, max_tokens=9)
    direct = batched(folder).generate([Request(ids, how, f"5:{i}") for i in range(4)])
    assert [choice["text"] for choice in four] == [reply.text for reply in direct]


def test_chats_and_models(engine: Engine, folder: Path) -> None:
    turns = [{"role": "user", "content": "Where is the idol?"}]
    found = post(engine, "chat/completions", messages=turns, temperature=0, max_tokens=5).json()
    assert found["object"] == "chat.completion" and found["usage"]["completion_tokens"] <= 5
    url = f"{engine.address}/v1/models"
    (row,) = httpx.get(url, headers=engine.headers, trust_env=False).json()["data"]
    assert row["id"] == "tiny" and row["fingerprint"] == fingerprint(folder)


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
    ],
)
def test_what_cannot_be_answered_is_said(
    engine: Engine, body: dict[str, Any], status: int, says: str
) -> None:
    found = post(engine, **body)
    assert found.status_code == status and says in found.json()["error"]["message"]


def test_only_with_the_key(engine: Engine) -> None:
    url = f"{engine.address}/v1/completions"
    assert httpx.post(url, json={"prompt": "a"}, trust_env=False).status_code == 401


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="engine did not start"),
        running(BatchedSettings(str(tmp_path), "none")),
    ):
        pass

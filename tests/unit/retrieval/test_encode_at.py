"""Vectors of a server: batches, their order, unit rows, and what is said of a bad server."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from fake_embeddings import FakeEmbeddings, vector
from kamerton.client import connection
from kamerton.formats.errors import InputError
from kamerton.retrieval.embedding import BATCH, encode_at
from model_server import serving

SECRET = "sk-secret-of-the-test"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmbeddings]:
    monkeypatch.setattr(connection, "PAUSE", 0.0)
    monkeypatch.setenv("EMBEDDINGS_KEY", SECRET)
    with serving(FakeEmbeddings()) as running:
        yield running


def refused(url: str, variable: str = "") -> InputError:
    with pytest.raises(InputError) as caught:
        encode_at(url, "m", ["a text"], variable)
    assert SECRET not in str(caught.value)
    return caught.value


def test_rows_come_in_the_order_of_the_texts_as_unit_float32(fake: FakeEmbeddings) -> None:
    texts = [f"text {number}" for number in range(2 * BATCH + 3)]
    told: list[int] = []
    rows = encode_at(fake.url + "/", "m", texts, "EMBEDDINGS_KEY", told.append)
    assert rows.dtype == np.float32 and rows.shape == (len(texts), fake.size)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    expected = np.array([vector(text, "m", fake.size) for text in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(rows, expected, atol=1e-6)
    assert told == [BATCH, BATCH, 3] == [len(body["input"]) for body in fake.bodies]
    assert {body["model"] for body in fake.bodies} == {"m"}
    assert set(fake.keys) == {f"Bearer {SECRET}"}


def test_no_texts_ask_nobody_and_no_key_is_sent_where_none_is_named(fake: FakeEmbeddings) -> None:
    assert encode_at(fake.url, "m", []).shape == (0, 0)
    assert fake.bodies == []
    encode_at(fake.url, "m", ["a"])
    assert fake.keys == [None]


def test_a_row_of_zeros_stays_one(fake: FakeEmbeddings) -> None:
    assert not encode_at(fake.url, "m", [""]).any()


def test_a_busy_server_is_asked_again_and_then_told(fake: FakeEmbeddings) -> None:
    fake.faults = lambda number: 503 if number < 4 else None
    assert encode_at(fake.url, "m", ["a"]).shape == (1, fake.size)
    fake.faults = lambda number: 503
    assert "503" in str(refused(fake.url))
    assert len(fake.bodies) == 4 + 4


def test_a_refusal_is_told_at_once_without_the_key(fake: FakeEmbeddings) -> None:
    fake.faults = lambda number: 413
    error = refused(fake.url, "EMBEDDINGS_KEY")
    assert error.key == "retrieval.embed_refused" and "413" in str(error)
    assert "context_tokens" in str(error)
    assert error.where == fake.url and len(fake.bodies) == 1


def row(values: object, index: int | None = 0) -> dict[str, object]:
    return {"embedding": values} | ({} if index is None else {"index": index})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>hello</html>", "JSON"),
        ({"error": {"message": "no"}}, "data"),
        ({"data": []}, "0 / 1"),
        ({"data": [row([1.0]), row([1.0], 1)]}, "2 / 1"),
        ({"data": [row([1.0], 5)]}, "[5]"),
        ({"data": [row([])]}, "[0]"),
        ({"data": [row(["x"])]}, "data.0.embedding.0"),
        ({"data": [row("AACAPw==")]}, "data.0.embedding"),
        (b'{"data": [{"index": 0, "embedding": [1.0, NaN]}]}', "data.0.embedding.1"),
    ],
)
def test_an_odd_reply_says_what_is_odd(fake: FakeEmbeddings, body: object, expected: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fake.faults = lambda number: content
    error = refused(fake.url)
    assert error.key == "retrieval.embed_odd" and expected in str(error)


def test_replies_without_an_index_are_taken_in_their_order(fake: FakeEmbeddings) -> None:
    rows = [row([0.0, 2.0], None), row([3.0, 0.0], None)]
    fake.faults = lambda number: json.dumps({"data": rows}).encode()
    assert encode_at(fake.url, "m", ["a", "b"]).tolist() == [[0, 1], [1, 0]]


def test_two_batches_of_different_length_are_refused(fake: FakeEmbeddings) -> None:
    fake.faults = lambda number: setattr(fake, "size", 7 + number)  # type: ignore[func-returns-value]
    with pytest.raises(InputError) as caught:
        encode_at(fake.url, "m", ["a"] * (BATCH + 1))
    assert caught.value.key == "retrieval.embed_odd" and "[8, 9]" in str(caught.value)

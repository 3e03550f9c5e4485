"""An index on disk is searched in three ways, and refused where it does not fit."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tiny
from fake_embeddings import FakeEmbeddings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint
from kamerton.retrieval import embedding
from kamerton.retrieval.bm25 import Bm25
from kamerton.retrieval.search import ForeignIndex, Hit, search
from model_server import serving

HORN = {"c": "Рог из слоновой кости лежит в музее Никосии."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.write_index(tmp_path / "index", tiny.PASSAGES | HORN)


@pytest.fixture
def fake() -> Iterator[FakeEmbeddings]:
    with serving(FakeEmbeddings()) as running:
        yield running


def ids(hits: list[Hit]) -> list[str]:
    return [hit.chunk.id for hit in hits]


def test_cosine_ranks_every_passage_and_words_only_those_that_share_one(folder: Path) -> None:
    assert set(ids(search(folder, "Which idol is it?", 9, "cosine"))) == {"idol", "god", "c"}
    assert ids(search(folder, "Which idol?", 9, "bm25")) == ["idol"]
    assert search(folder, "Что это?", 9, "bm25") == []
    assert ids(search(folder, "о рогах в музеях", 9, "bm25")) == ["c"]
    assert len(search(folder, "Which idol is it?", 2, "fused")) == 2


def test_fusion_can_overrule_either_ranking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "top_k", lambda *_: [(0, 0.9), (1, 0.8), (2, 0.1)])
    monkeypatch.setattr(Bm25, "top", lambda *_: [(2, 5.0), (1, 4.0)])
    hits = search(folder, "x", 3, "fused")
    assert ids(hits) == ["c", "god", "idol"]
    assert hits[0].score == pytest.approx(1 / 61 + 1 / 63)


def test_words_need_no_encoder_and_no_vectors(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / VECTORS).unlink()
    monkeypatch.setattr(embedding, "encode", lambda texts: pytest.fail("the encoder was loaded"))
    assert ids(search(folder, "bronze", 1, "bm25")) == ["god"]


def test_the_title_is_searched_too(folder: Path) -> None:
    rows = [Chunk(id="x", text="A small cup.", source="x", title="Tulip Bowl")]
    change(folder, chunks=1)
    write_rows(folder / CHUNKS, rows)
    assert ids(search(folder, "where is the tulip?", 1, "bm25")) == ["x"]


def change(folder: Path, **values: object) -> None:
    meta = json.loads((folder / META).read_text())
    (folder / META).write_text(json.dumps(meta | values))


@pytest.mark.parametrize(
    "values", [{"encoder": "another-encoder"}, {"dimensions": 3}], ids=["name", "dimensions"]
)
def test_an_index_of_another_encoder_is_refused(folder: Path, values: dict[str, object]) -> None:
    change(folder, **values)
    if "dimensions" in values:
        np.save(folder / VECTORS, np.eye(3, dtype=np.float32))
    for how in ("cosine", "fused"):
        with pytest.raises(ForeignIndex) as caught:
            search(folder, "idol", 1, how)  # type: ignore[arg-type]
        assert META in caught.value.where and str(next(iter(values.values()))) in caught.value.has
        assert embedding.ENCODER in caught.value.wanted
    assert ids(search(folder, "idol", 1, "bm25")) == ["idol"]


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        (META, b"{}", "encoder"),
        (META, b"not json", META),
        (VECTORS, b"", VECTORS),
        (VECTORS, b"not an array at all", VECTORS),
        (CHUNKS, b'{"id": "a", "text": "b", "source": "c"}', "1 rows"),
        (CHUNKS, b'{"id": "a"}', "text"),
    ],
)
def test_a_damaged_index_names_the_file(
    folder: Path, file: str, content: bytes, expected: str
) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        search(folder, "idol", 1, "cosine")
    assert str(folder / file) in str(caught.value) and expected in repr_of(caught.value)


def repr_of(error: InputError) -> str:
    return f"{error} {error.__cause__}"


@pytest.mark.parametrize("rows", [np.eye(3), np.eye(2, dtype=np.float32)])
def test_vectors_of_another_shape_or_type_are_damage(folder: Path, rows: object) -> None:
    np.save(folder / VECTORS, rows)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        search(folder, "idol", 1, "cosine")
    assert caught.value.key == "formats.index_damaged" and "(3, 512)" in str(caught.value)


@pytest.mark.parametrize("file", [META, CHUNKS, VECTORS])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(InputError) as caught:
        search(folder, "idol", 1, "cosine")
    assert caught.value.key == "formats.file_missing" and file in str(caught.value)


def test_a_query_goes_where_the_index_was_made(
    tmp_path: Path, fake: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDINGS_KEY", "k")
    at = Endpoint(base_url=fake.url, model="m", api_key_env="EMBEDDINGS_KEY")
    folder = tiny.write_index(tmp_path / "index", endpoint=at)
    fake.server.asked.clear()
    monkeypatch.setattr(embedding, "encode", lambda texts: pytest.fail("the offline encoder"))
    assert ids(search(folder, "is the Idol carved", 1, "cosine")) == ["idol"]
    assert fake.bodies[-1]["input"] == ["is the Idol carved"]
    assert {body["model"] for body in fake.bodies} == {"m"}
    assert set(fake.keys) == {"Bearer k"}


def test_a_server_that_now_has_another_model_is_refused(
    tmp_path: Path, fake: FakeEmbeddings
) -> None:
    folder = tiny.write_index(tmp_path / "index", endpoint=Endpoint(base_url=fake.url, model="m"))
    fake.serves = "other"
    with pytest.raises(ForeignIndex) as caught:
        search(folder, "idol", 1, "fused")
    assert "cosine" in caught.value.wanted
    fake.serves, fake.size = "", 25
    with pytest.raises(ForeignIndex) as caught:
        search(folder, "idol", 1, "fused")
    assert "m, 24" in caught.value.has and "m, 25" in caught.value.wanted

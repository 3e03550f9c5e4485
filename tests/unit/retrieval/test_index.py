"""The index: made offline or at a server, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_embeddings import FakeEmbeddings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta
from kamerton.retrieval import embedding
from kamerton.retrieval.index import build
from kamerton.retrieval.search import search
from model_server import serving

PASSAGES = [
    Chunk(id="idol", text="It is carved from picrolite.", source="c.yaml", title="Idol of Pomos"),
    Chunk(id="god", text="It is cast in bronze.", source="c.yaml"),
]


@pytest.fixture
def fake() -> Iterator[FakeEmbeddings]:
    with serving(FakeEmbeddings()) as running:
        yield running


def meta_of(folder: Path) -> IndexMeta:
    return IndexMeta.model_validate_json((folder / META).read_text())


def test_offline_the_title_is_encoded_and_kept(tmp_path: Path) -> None:
    build(PASSAGES, tmp_path)
    meta = meta_of(tmp_path)
    assert (meta.encoder, meta.endpoint, meta.chunks) == (embedding.ENCODER, None, 2)
    chunks = read_rows(tmp_path / CHUNKS, Chunk)
    assert [chunk.title for chunk in chunks] == ["Idol of Pomos", ""]
    assert chunks[0].searched == "Idol of Pomos. It is carved from picrolite."
    vectors = np.load(tmp_path / VECTORS)
    assert np.allclose(vectors, embedding.encode([chunk.searched for chunk in chunks]), atol=1e-5)
    assert [hit.chunk.id for hit in search(tmp_path, "idol", 1, "bm25")] == ["idol"]


def test_at_a_server_the_index_notes_who_made_it(
    tmp_path: Path, fake: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDINGS_KEY", "sk-very-secret")
    at = Endpoint(base_url=fake.url, model="m", api_key_env="EMBEDDINGS_KEY")
    build(PASSAGES, tmp_path, at)
    meta = meta_of(tmp_path)
    assert meta.encoder == "m" and meta.dimensions == fake.size
    assert meta.endpoint == Endpoint(base_url=fake.url, model="m", api_key_env="EMBEDDINGS_KEY")
    assert fake.bodies[0]["input"][0].startswith("Idol of Pomos. ")
    assert fake.keys == ["Bearer sk-very-secret"]
    assert not any(b"sk-very" in file.read_bytes() for file in tmp_path.iterdir())
    assert [hit.chunk.id for hit in search(tmp_path, "cast in bronze", 1, "cosine")] == ["god"]


def test_a_server_that_fails_leaves_no_index(tmp_path: Path, fake: FakeEmbeddings) -> None:
    fake.faults = lambda number: 401
    with pytest.raises(InputError) as caught:
        build(PASSAGES, tmp_path / "index", Endpoint(base_url=fake.url, model="m"))
    assert caught.value.key == "client.denied"
    assert not (tmp_path / "index").exists()

"""The passage that a question is about comes first, in English and in Russian."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tiny
from fake_embeddings import FakeEmbeddings
from kamerton.client import connection
from kamerton.engines.openai_api import ApiError, ChatRequest, Message, parse
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import validate
from kamerton.formats.retrieval import DEFAULT, META, Chunk, Endpoint, How
from kamerton.retrieval import embedding
from kamerton.retrieval.embedding import dimensions, encode, top_k
from kamerton.serve.retrieval import Retriever, build_chat, question
from kamerton.serve.settings import ServeSettings
from model_server import serving

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What stone is the Idol of Pomos?", "idol"),
        ("Which metal is the Horned God of Enkomi?", "god"),
        ("Из какого камня вырезан идол из Помоса?", "idol"),
    ],
)
@pytest.mark.parametrize("how", ["cosine", "fused"])
def test_the_passage_asked_about_is_found(
    question: str, passage: str, how: How, tmp_path: Path
) -> None:
    retriever = Retriever(tiny.write_index(tmp_path / "index"), how)
    assert retriever.find(question, 1)[0].id == passage
    assert {chunk.id for chunk in retriever.find(question, 5)} == set(tiny.PASSAGES)


def test_words_alone_find_only_what_shares_one(tmp_path: Path) -> None:
    retriever = Retriever(tiny.write_index(tmp_path / "index"), "bm25")
    assert [chunk.id for chunk in retriever.find("Horned?", 5)] == ["god"]
    assert retriever.find("?", 5) == []


def test_the_setting_names_one_of_the_three_ways(tmp_path: Path) -> None:
    assert ServeSettings().retrieval == DEFAULT
    assert ServeSettings(retrieval="cosine").retrieval == "cosine"
    (tmp_path / "r.yaml").write_text("retrieval: best\n")
    with pytest.raises(InputError) as caught:
        validate({"retrieval": "best"}, ServeSettings, tmp_path / "r.yaml")
    assert "r.yaml:1" in str(caught.value) and "cosine" in str(caught.value)


def test_an_index_of_another_encoder_is_refused_in_words(tmp_path: Path) -> None:
    folder = tiny.write_index(tmp_path / "index")
    meta = (folder / META).read_text().replace(embedding.ENCODER, "another-one")
    (folder / META).write_text(meta)
    with pytest.raises(InputError) as caught:
        Retriever(folder, "cosine")
    told = str(caught.value)
    assert caught.value.key == "serve.index_encoder"
    assert str(folder / META) in told and "another-one" in told and embedding.ENCODER in told
    assert Retriever(folder, "bm25").find("idol", 1)[0].id == "idol"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmbeddings]:
    monkeypatch.setattr(connection, "PAUSE", 0.0)
    with serving(FakeEmbeddings()) as running:
        yield running


def test_questions_go_to_the_server_of_the_index_and_it_is_said(
    tmp_path: Path, fake: FakeEmbeddings, capsys: Capture
) -> None:
    at = Endpoint(base_url=fake.url, model="m")
    folder = tiny.write_index(tmp_path / "index", endpoint=at)
    retriever = Retriever(folder, "cosine")
    assert fake.url in capsys.readouterr().err
    assert retriever.find("the Idol of Pomos", 1)[0].id == "idol"
    assert fake.bodies[-1] == {
        "model": "m",
        "input": ["the Idol of Pomos"],
        "encoding_format": "float",
    }
    asked = len(fake.bodies)
    assert Retriever(folder, "bm25").find("idol", 1)[0].id == "idol"
    assert len(fake.bodies) == asked and capsys.readouterr().err == ""


def test_a_server_that_went_away_is_a_503_and_one_that_never_was_stops_the_start(
    tmp_path: Path, fake: FakeEmbeddings
) -> None:
    at = Endpoint(base_url=fake.url, model="m")
    retriever = Retriever(tiny.write_index(tmp_path / "index", endpoint=at))
    fake.faults = lambda number: 500
    with pytest.raises(ApiError) as caught:
        asyncio.run(asyncio.to_thread(retriever.find, "idol", 1))
    assert caught.value.status == 503 and "500" in caught.value.message
    with pytest.raises(InputError) as refused:
        Retriever(tmp_path / "index")
    assert refused.value.key == "retrieval.embed_refused"


def test_vectors_are_unit_rows_of_float32() -> None:
    rows = encode(["one", "два", ""])
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows[:2], axis=1), 1, atol=1e-5)
    assert encode([]).shape == (0, dimensions())


def test_of_equal_cosines_the_first_row_wins() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    assert [row for row, _ in top_k(np.array([1, 0], np.float32), vectors, 2)] == [1, 2]


PASSAGE = Chunk(id="a", text="The idol is of picrolite.", source="s")


def messages(*given: dict[str, object]) -> list[Message]:
    return parse({"model": "base", "messages": list(given)}, ChatRequest).messages


def test_the_system_prompt_goes_before_chats_that_have_none() -> None:
    asked = messages({"role": "user", "content": "hi"})
    assert build_chat(asked, "Be kind.", [])[0] == {"role": "system", "content": "Be kind."}
    own = messages({"role": "system", "content": "x"}, {"role": "user", "content": "hi"})
    assert build_chat(own, "Be kind.", [])[0]["content"] == "x"


def test_passages_stand_before_the_last_question() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    text = "Сведения: The idol is of picrolite.\n\nВопрос: Из чего идол?"
    for content, expected in (
        ("Из чего идол?", text),
        ([{"type": "text", "text": "Из чего "}, picture, {"type": "text", "text": "идол?"}],
         [{"type": "text", "text": text}, picture]),
    ):  # fmt: skip
        turns = [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": content},
        ]
        chat = build_chat(messages(*turns), "", [PASSAGE])
        assert chat[0]["content"] == "first"
        assert chat[2]["content"] == expected


def test_retrieval_needs_a_question() -> None:
    with pytest.raises(ApiError) as caught:
        question(messages({"role": "system", "content": "x"}))
    assert caught.value.status == 400

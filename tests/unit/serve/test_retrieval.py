"""The passage that a question is about comes first, in English and in Russian."""

from pathlib import Path

import numpy as np
import pytest

import tiny
from kamerton.embedding import dimensions, encode, top_k
from kamerton.serve.retrieval import Retriever


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What stone is the Idol of Pomos?", "idol"),
        ("Which metal is the Horned God of Enkomi?", "god"),
        ("Из какого камня вырезан идол из Помоса?", "idol"),
    ],
)
def test_the_passage_asked_about_is_found(question: str, passage: str, tmp_path: Path) -> None:
    retriever = Retriever(tiny.write_index(tmp_path / "index"))
    assert retriever.find(question, 1)[0].id == passage
    assert {chunk.id for chunk in retriever.find(question, 5)} == set(tiny.PASSAGES)


def test_vectors_are_unit_rows_of_float32() -> None:
    rows = encode(["one", "два", ""])
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows[:2], axis=1), 1, atol=1e-5)
    assert encode([]).shape == (0, dimensions())


def test_of_equal_cosines_the_first_row_wins() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    assert [row for row, _ in top_k(np.array([1, 0], np.float32), vectors, 2)] == [1, 2]

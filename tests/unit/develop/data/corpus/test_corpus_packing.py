"""Rows of tokens: nothing lost, marks around every run, padding counted, gaps never crossed."""

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import Prepare

from kamerton.develop.data.corpus.log import read_text
from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.develop.data.corpus.tokenizer import BOS, EOS, PAD, train_tokenizer
from kamerton.develop.data.corpus.tokens import cut, encode, layout, pack
from kamerton.formats.jsonl import read_rows
from russian_prose import text

CONTEXT = 48


def document(name: str, of: str, gaps: list[int] | None = None) -> CorpusText:
    return CorpusText(id=name, work=name, split="train", text=of, gaps=gaps or [], lines=[])


@pytest.fixture(scope="module")
def documents() -> list[CorpusText]:
    rng = random.Random(8)
    found = [document(f"d{i}", text(rng, rng.randint(1, 9), rng.randint(3, 70))) for i in range(12)]
    gapped = "\n".join(text(rng, 6, 15).split("\n"))
    places = [i + 1 for i, letter in enumerate(gapped) if letter == "\n"][::2]
    return [
        *found,
        document("gapped", gapped, [0, *places]),
        document("marks", "<eos> <pad> <bos>"),
    ]


@pytest.fixture(scope="module")
def tokenizer(documents: list[CorpusText], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train_tokenizer(documents, 400, tmp_path_factory.mktemp("tokenizer"))


def runs(matrix: Any, tokenizer: Any) -> list[list[int]]:
    """What stands between marks, row by row; every token must lie in a run or be padding."""
    bos, eos, pad = (tokenizer.token_to_id(t) for t in (BOS, EOS, PAD))
    found: list[list[int]] = []
    for row in matrix.tolist():
        while row and row[-1] == pad:
            row.pop()
        while row:
            end = row.index(eos)
            assert row[0] == bos and end > 1
            inside = row[1:end]
            assert not {bos, eos, pad} & set(inside)
            found.append(inside)
            row = row[end + 1 :]
    return found


def test_no_token_is_lost_and_every_run_stands_between_its_marks(
    documents: list[CorpusText], tokenizer: Any, tmp_path: Path
) -> None:
    for one in documents:
        packed = pack(encode([one], tokenizer), tokenizer, CONTEXT, tmp_path / "one.npy", 7)
        matrix = np.load(tmp_path / "one.npy")
        assert matrix.dtype == np.uint16 and matrix.shape == (packed.rows, CONTEXT)
        found = runs(matrix, tokenizer)
        passages = list(cut(one))
        assert packed.passages == len(passages)
        assert packed.tokens == sum(map(len, found))
        assert packed.padding == int((matrix == tokenizer.token_to_id(PAD)).sum())
        assert len(found) == sum(math.ceil(n / (CONTEXT - 2)) for n in _sizes(passages, tokenizer))
        # Bytes of one letter may be parted between runs, so tokens are compared and then decoded.
        joined = [token for passage in passages for token in _ids(passage, tokenizer)]
        assert Counter(token for run in found for token in run) == Counter(joined)
        assert Counter(map(tuple, found)) == Counter(_runs(passages, tokenizer))
        for passage in passages:
            assert tokenizer.decode(_ids(passage, tokenizer), skip_special_tokens=False) == passage


def _ids(passage: str, tokenizer: Any) -> list[int]:
    return list(tokenizer.encode(passage).ids)


def _sizes(passages: list[str], tokenizer: Any) -> list[int]:
    return [len(_ids(passage, tokenizer)) for passage in passages]


def _runs(passages: list[str], tokenizer: Any) -> list[tuple[int, ...]]:
    room = CONTEXT - 2
    every = [_ids(passage, tokenizer) for passage in passages]
    return [tuple(ids[i : i + room]) for ids in every for i in range(0, len(ids), room)]


def test_all_documents_together_are_those_of_each(
    documents: list[CorpusText], tokenizer: Any, tmp_path: Path
) -> None:
    packed = pack(encode(documents, tokenizer), tokenizer, CONTEXT, tmp_path / "all.npy", 7)
    found = runs(np.load(tmp_path / "all.npy"), tokenizer)
    passages = [passage for one in documents for passage in cut(one)]
    assert Counter(map(tuple, found)) == Counter(_runs(passages, tokenizer))
    assert packed.tokens == sum(map(len, found))
    used = packed.tokens + 2 * len(found)
    assert packed.padding == packed.rows * CONTEXT - used
    assert packed.rows <= _most_rows([len(run) + 2 for run in found], CONTEXT)


def _most_rows(lengths: list[int], context: int) -> int:
    """Best fit decreasing needs at most 11/9 of the best, plus 4 (Johnson 1974)."""
    return math.floor(11 / 9 * math.ceil(sum(lengths) / context)) + 4


@pytest.mark.parametrize("seed", range(10))
def test_the_layout_is_near_the_lower_bound(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.randint(3, 64) for _ in range(rng.randint(1, 400))] + [64] * 20
    rows = layout(lengths, 64)
    assert sorted(run for row in rows for run in row) == list(range(len(lengths)))
    assert all(sum(lengths[run] for run in row) <= 64 for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    # Against the best there is no bound that can be computed; large runs can't share a row.
    large = sum(length > 32 for length in lengths)
    lower = max(math.ceil(sum(lengths) / 64), large)
    assert len(rows) <= 11 / 9 * lower + 4


def test_full_runs_stand_alone_and_short_ones_share() -> None:
    assert layout([10, 4, 6, 10, 3], 10) == [[0], [1, 2], [3], [4]]
    assert layout([], 10) == []


def test_documents_in_any_order_give_the_same_bytes_and_a_seed_another_order(
    documents: list[CorpusText], tokenizer: Any, tmp_path: Path
) -> None:
    pack(encode(documents, tokenizer), tokenizer, CONTEXT, tmp_path / "a.npy", 7)
    pack(encode(documents[::-1], tokenizer), tokenizer, CONTEXT, tmp_path / "b.npy", 7)
    pack(encode(documents, tokenizer), tokenizer, CONTEXT, tmp_path / "c.npy", 8)
    a, b, c = ((tmp_path / f"{name}.npy").read_bytes() for name in "abc")
    assert a == b != c


def test_rows_are_read_from_disk_as_they_are_needed(
    documents: list[CorpusText], tokenizer: Any, tmp_path: Path
) -> None:
    pack(encode(documents, tokenizer), tokenizer, CONTEXT, tmp_path / "a.npy", 7)
    assert isinstance(np.load(tmp_path / "a.npy", mmap_mode="r"), np.memmap)


def test_the_tokenizer_sees_training_texts_only(tmp_path: Path) -> None:
    train = document("a", "мама мыла раму " * 50)
    held = document("b", "щщщщ жжжж " * 50).model_copy(update={"split": "held_out"})
    one = train_tokenizer([train, held], 300, tmp_path / "one")
    two = train_tokenizer([train], 300, tmp_path / "two")
    assert one.get_vocab() == two.get_vocab()
    assert {BOS, EOS, PAD} <= set(one.get_vocab())
    assert json.loads((tmp_path / "one" / "tokenizer.json").read_text())["model"]["type"] == "BPE"


def test_a_vocabulary_that_two_bytes_cannot_number_is_refused(tmp_path: Path) -> None:
    class Large:
        def get_vocab_size(self) -> int:
            return 65_537

    with pytest.raises(ValueError, match="two bytes"):
        encode([], Large())


def test_no_passage_crosses_a_gap(made: Path) -> None:
    """What a passage holds stands in the repaired text with nothing between but blanks."""
    gapped = 0
    for one in read_rows(made / "documents.jsonl", CorpusText):
        repaired = read_text(made / "changes", one.id)
        assert [repaired[start:end] for start, end in one.lines] == one.text.split("\n")
        for passage in cut(one):
            assert _follows_on(passage, repaired), (one.id, passage[:80])
        gapped += len([gap for gap in one.gaps if gap])
        assert one.gaps == sorted(set(one.gaps))
    assert gapped >= 10, "nothing was dropped from the middle of a text"


def _follows_on(passage: str, repaired: str) -> bool:
    def bare(of: str) -> str:
        return "".join(of.split())

    return bare(passage) in bare(repaired)


def test_a_gap_stands_wherever_something_went(make: Prepare, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = ["Он вошёл.", "Он сел. Oh my dear friend! Он встал.", "* * *", "Он ушёл.", "Конец."]
    (folder / "a.txt").write_text("\n".join(lines), "utf-8")
    out = make(folder, held_out=0)
    (one,) = read_rows(out / "documents.jsonl", CorpusText)
    assert one.text == "Он вошёл.\nОн сел.\nОн встал.\nОн ушёл.\nКонец."
    assert list(cut(one)) == ["Он вошёл.\nОн сел.", "Он встал.", "Он ушёл.\nКонец."]

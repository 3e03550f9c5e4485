"""Samples of a large set: the same from any order and any source, streamed once."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from local_sets import refused, write

from kamerton.develop.data.sources import hub
from kamerton.develop.data.sources.named import load

CODE = "nvidia/OpenCodeInstruct"
Row = dict[str, Any]


ROWS = [{"id": f"task-{n}", "input": f"do {n}", "output": f"print({n})"} for n in range(2000)]
SIZES = {"train": 300, "validation": 20, "test": 20}


def drawn(folder: Path, part: str, sizes: dict[str, int] | None = None) -> list[Row]:
    rows = load(CODE, part, folder / "cache", copy=folder, sample_sizes=sizes or SIZES)
    return [row for _, row in rows]


def test_a_sample_depends_neither_on_order_nor_on_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write(one / "train.jsonl", ROWS)
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    for number in range(4):
        write(other / f"train-{number}.parquet", shuffled[number::4])
    parts = {part: drawn(one, part) for part in SIZES}
    assert {part: len(rows) for part, rows in parts.items()} == SIZES
    assert parts == {part: drawn(other, part) for part in SIZES}
    ids = [row["id"] for rows in parts.values() for row in rows]
    assert len(set(ids)) == sum(SIZES.values())


def test_a_smaller_sample_begins_a_larger_one_and_no_row_changes_parts(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ROWS)
    small = {part: drawn(tmp_path, part, {part: 10}) for part in SIZES}
    large = {part: drawn(tmp_path, part, {part: 60}) for part in SIZES}
    assert all(large[part][:10] == small[part] for part in SIZES)
    trained = {row["id"] for row in drawn(tmp_path, "train", {"train": 1700})}
    assert not trained & {row["id"] for part in ("validation", "test") for row in large[part]}


def test_rows_without_an_id_are_drawn_by_their_content() -> None:
    columns = ("input", "output")
    row = {"input": "do", "output": "print()"}
    assert hub.part_and_rank(row, columns) == hub.part_and_rank(row | {"score": 1}, columns)
    assert hub.part_and_rank(row, columns) != hub.part_and_rank(row | {"id": "7"}, columns)
    ranks = {hub.part_and_rank({"input": n, "output": n}, columns)[1] for n in range(100)}
    assert len(ranks) == 100


def test_parts_have_their_shares() -> None:
    parts = [hub.part_and_rank(row, ())[0] for row in ROWS]
    assert set(parts) == set(SIZES) == set(hub.SHARES)
    for part, share in hub.SHARES.items():  # of 2000 rows; five standard deviations and more
        assert abs(parts.count(part) / len(parts) - share) < 0.04


def test_too_few_rows_are_an_error_when_asked_for_and_a_note_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "train.jsonl", ROWS[:100])
    caught = refused(CODE, "train", tmp_path, copy=tmp_path, sample_sizes={"train": 100})
    assert caught.key == "develop.read_too_few" and caught.values["wanted"] == 100
    rows = list(load(CODE, "train", tmp_path, copy=tmp_path))
    assert len(rows) == caught.values["has"] and len(rows) < 100
    assert f"only {len(rows)} rows" in capsys.readouterr().err


class Hub(ModuleType):
    """Stands in for the package `datasets`: rows from memory, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__("datasets")
        self.rows: list[Row] = []
        self.asked: list[tuple[Any, ...]] = []
        self.breaks_after = 10**9

    def load_dataset(self, path: str, name: str | None, **options: Any) -> Iterator[Row]:
        self.asked.append((path, name, options["split"], options["revision"]))
        assert options["streaming"] is True
        for number, row in enumerate(self.rows):
            if number == self.breaks_after:
                raise ConnectionError("the line is dead\nsecond line")
            yield row


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    monkeypatch.setitem(sys.modules, "datasets", made)
    return made


def test_a_set_is_streamed_off_the_hub(datasets: Hub, tmp_path: Path) -> None:
    datasets.rows = [{"question": f"q{n}", "answer": "a"} for n in range(3)]
    rows = list(load("openai/gsm8k", "test", tmp_path, revision="abc"))
    assert rows[2] == ("openai/gsm8k:test#3", {"question": "q2", "answer": "a"})
    assert datasets.asked == [("openai/gsm8k", "main", "test", "abc")]


def test_a_sample_off_the_hub_is_streamed_once_for_all_parts(datasets: Hub, tmp_path: Path) -> None:
    datasets.rows = ROWS
    parts = {p: [r for _, r in load(CODE, p, tmp_path, sample_sizes=SIZES)] for p in SIZES}
    assert len(datasets.asked) == 1
    write(tmp_path / "copy" / "train.jsonl", ROWS)
    assert parts == {part: drawn(tmp_path / "copy", part) for part in SIZES}
    fewer = [row for _, row in load(CODE, "train", tmp_path, sample_sizes={**SIZES, "train": 9})]
    assert fewer == parts["train"][:9] and len(datasets.asked) == 1
    more = list(load(CODE, "test", tmp_path, sample_sizes={**SIZES, "train": 9, "test": 30}))
    assert len(more) == 30 and len(datasets.asked) == 2
    assert len(list(load(CODE, "train", tmp_path, sample_sizes=SIZES))) == 300
    assert len(datasets.asked) == 2


def test_a_hub_that_breaks_off_leaves_no_sample(datasets: Hub, tmp_path: Path) -> None:
    datasets.rows, datasets.breaks_after = ROWS, 1500
    caught = refused(CODE, "train", tmp_path, sample_sizes=SIZES)
    assert caught.key == "develop.read_no_hub"
    assert "the line is dead" in str(caught) and "second line" not in str(caught)
    assert list(tmp_path.iterdir()) == []

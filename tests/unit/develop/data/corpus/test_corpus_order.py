"""The same texts in any order, and with any number of workers, give the same bytes."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from planted import Prepare

from kamerton.develop.data.sources import remote
from kamerton.documents.files import Document

SAME = ("documents.jsonl", "train.npy", "held_out.npy", "card.json", "accounts.json")
FILES = (
    *SAME,
    "duplicates.json",
    "rights.json",
    "card.md",
    "card.html",
    "tokenizer/tokenizer.json",
)


def contents(out: Path) -> dict[str, bytes]:
    logs = {f"changes/{p.name}": p.read_bytes() for p in (out / "changes").iterdir()}
    return logs | {name: (out / name).read_bytes() for name in FILES}


def shuffled(monkeypatch: pytest.MonkeyPatch, seed: int) -> list[list[str]]:
    """Let documents be read in another order each time; what was yielded is kept."""
    rng, orders = random.Random(seed), list[list[str]]()
    original = remote.read_source

    def read(
        source: str, include: Sequence[str], exclude: Sequence[str], cache: Path
    ) -> Iterator[Document]:
        found = list(original(source, include, exclude, cache))
        rng.shuffle(found)
        orders.append([document.id for document in found])
        yield from found

    monkeypatch.setattr(remote, "read_source", read)
    return orders


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_reading_changes_nothing(
    seed: int, made: Path, make: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = shuffled(monkeypatch, seed)
    again = make()
    assert len(orders) == 2 and orders[0] != orders[1] != sorted(orders[1])
    assert contents(again) == contents(made)


@pytest.mark.parametrize("workers", [2, 8])
def test_the_number_of_workers_changes_nothing(workers: int, made: Path, make: Prepare) -> None:
    assert contents(make(workers=workers)) == contents(made)


def test_rights_of_mixed_kinds_in_another_order_change_nothing(
    make: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "rights.yaml"
    table.write_text(
        "authors:\n"
        "  - {match: 'work*', name: Живой Автор, died: living}\n"
        "  - {match: 'tale*', name: Старый Автор, died: 1850}\n",
        "utf-8",
    )
    rights = {"table": str(table), "accept": "written for this test"}
    plain = contents(make(rights=rights))
    shuffled(monkeypatch, 3)
    assert contents(make(rights=rights)) == plain


def test_another_seed_or_text_is_another_dataset(made: Path, make: Prepare) -> None:
    other = contents(make(drop={"foreign": 1.0}))
    assert other["documents.jsonl"] != contents(made)["documents.jsonl"]
    assert other["train.npy"] != contents(made)["train.npy"]

"""Duplicates by meaning: paraphrases and translations found, strangers left; the bounds shown."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from meanings import PARAPHRASES, STRANGERS, TRANSLATIONS

from kamerton.develop.data.dedup import semantic
from kamerton.retrieval.embedding import encode

TEXTS = [
    *STRANGERS,
    *(t for pair in PARAPHRASES for t in pair),
    *(t for p in TRANSLATIONS for t in p),
]


@pytest.fixture(scope="module")
def vectors() -> Any:
    return encode(TEXTS)


def unit(rows: Any) -> Any:
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_table_of_found_missed_and_false_alarms(vectors: Any) -> None:
    bound = semantic.threshold(vectors, 7)
    told = {(TEXTS[i], TEXTS[j]) for i, j, _ in semantic.pairs(vectors, bound)}
    print(f"semantic threshold chosen: {bound} for {len(TEXTS)} rows")
    table = {
        name: (len(told & set(pairs)), len(set(pairs) - told))
        for name, pairs in (("paraphrases", PARAPHRASES), ("translations", TRANSLATIONS))
    }
    false = told - {*PARAPHRASES, *TRANSLATIONS}
    for name, (found, missed) in table.items():
        print(f"{name:13} found {found:2} missed {missed:2}")
    print(f"strangers     false alarms {len(false)} of {len(TEXTS) * (len(TEXTS) - 1) // 2} pairs")
    assert semantic.FLOOR <= bound <= semantic.CEILING
    assert table["paraphrases"][0] >= 7 and table["translations"][0] >= 7
    assert not false


def test_rows_of_one_subject_need_a_higher_cosine_than_rows_of_any() -> None:
    rng = np.random.default_rng(1)
    apart, common = rng.normal(size=(400, 64)), rng.normal(size=64)
    loose, alike = unit(apart), unit(unit(apart) + 1.6 * unit([common]))
    assert semantic.threshold(loose, 7) == semantic.FLOOR
    bound = semantic.threshold(alike, 7)
    strangers = [alike[i] @ alike[j] for i, j in combinations(range(400), 2)]
    assert bound > semantic.FLOOR and sum(cosine >= bound for cosine in strangers) <= 2


def test_duplicates_among_the_rows_do_not_move_the_bound_past_themselves() -> None:
    rng = np.random.default_rng(2)
    rows = unit(rng.normal(size=(300, 64)))
    copies = unit(rows[:60] + 0.01 * rng.normal(size=(60, 64)))
    every = np.concatenate([rows, copies])
    found = semantic.pairs(every, semantic.threshold(every, 7))
    assert [(i, j) for i, j, _ in found] == [(i, 300 + i) for i in range(60)]


def test_few_rows_say_nothing_of_strangers() -> None:
    for rows in (0, 1, 2):
        assert semantic.threshold(unit(np.eye(8)[:rows].reshape(rows, 8)), 7) == semantic.FLOOR


def test_many_rows_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(3).normal(size=(300, 16)))
    whole = semantic.threshold(rows, 1)
    monkeypatch.setattr(semantic, "_DRAWN", 20_000)
    assert semantic.threshold(rows, 1) == semantic.threshold(rows, 1)
    assert semantic.threshold(rows, 1) == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_find_what_comparing_all_finds(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(4).normal(size=(90, 12)))
    monkeypatch.setattr(semantic, "_BLOCK", block)
    found = semantic.pairs(rows, 0.5)
    right = [(i, j) for i, j in combinations(range(90), 2) if float(rows[i] @ rows[j]) >= 0.5]
    assert [(i, j) for i, j, _ in found] == right and len(right) > 10
    assert all(cosine == pytest.approx(float(rows[i] @ rows[j])) for i, j, cosine in found)
    assert semantic.pairs(rows[:0], 0.5) == []

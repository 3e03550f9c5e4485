"""Near duplicates: what is found is measured, and nothing near enough is missed."""

import random
from itertools import combinations

import numpy as np
import pytest

from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import shingles, word_hashes
from russian_prose import changed, paragraph


def grams(texts: list[str]) -> list[frozenset[int]]:
    return [frozenset(shingles(word_hashes(text), near.NEAR_WORDS).tolist()) for text in texts]


def found(texts: list[str], threshold: float) -> list[tuple[int, int, float]]:
    rows = [shingles(word_hashes(text), near.NEAR_WORDS) for text in texts]
    return near.pairs(near.signatures(rows), grams(texts).__getitem__, threshold)


def all_pairs(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    sets = grams(texts)
    pairs = combinations(range(len(texts)), 2)
    return {(i, j) for i, j in pairs if near.jaccard(sets[i], sets[j]) >= threshold}


def corpus(seed: int) -> list[str]:
    """60 paragraphs, each with a copy of which up to a fifth of the words are changed."""
    rng = random.Random(seed)
    originals = [paragraph(rng, rng.randint(10, 80)) for _ in range(60)]
    texts = originals + [changed(of, rng.uniform(0, 0.2), rng) for of in originals]
    rng.shuffle(texts)
    return texts


@pytest.mark.parametrize(("threshold", "least"), [(0.8, 1.0), (0.6, 0.97), (0.5, 0.92)])
def test_pairs_are_those_of_comparing_all(threshold: float, least: float) -> None:
    right = missed = 0
    for seed in range(5):
        texts = corpus(seed)
        told = {(i, j) for i, j, _ in found(texts, threshold)}
        true = all_pairs(texts, threshold)
        assert told <= true, "a pair that is not near enough"
        right, missed = right + len(true), missed + len(true - told)
    print(f"near at {threshold}: {right} pairs, {missed} missed")
    assert right > 40 and 1 - missed / right >= least


def test_of_pairs_that_share_just_half_nine_in_ten_are_candidates() -> None:
    rng = random.Random(9)
    right = missed = 0
    while right < 300:
        original = paragraph(rng, 40)
        texts = [original, changed(original, 0.1, rng)]
        if 0.45 <= near.jaccard(*grams(texts)) <= 0.55:
            right, missed = right + 1, missed + (not found(texts, 0.4))
    print(f"candidates at 0.5: {right - missed} of {right}")
    assert missed <= 0.1 * right


def test_equal_texts_are_always_found_however_many() -> None:
    rng = random.Random(4)
    same, texts = paragraph(rng), [paragraph(rng) for _ in range(30)]
    texts += [same] * 20
    rng.shuffle(texts)
    places = [i for i, text in enumerate(texts) if text == same]
    told = {(i, j) for i, j, _ in found(texts, 0.8)}
    assert {(places[0], other) for other in places[1:]} <= told


def test_similarity_is_the_true_jaccard() -> None:
    texts = ["раз два три четыре пять шесть", "раз два три четыре пять семь", "совсем другое тут"]
    assert found(texts, 0.5) == [(0, 1, 3 / 5)]
    assert found(texts, 0.7) == []


def test_nothing_and_one_row_have_no_pairs() -> None:
    assert near.signatures([]).shape == (0, near.PERMUTATIONS)
    assert found([], 0.5) == [] and found(["раз два три"], 0.5) == []


def test_signatures_are_the_same_in_pieces_and_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [shingles(word_hashes(text), near.NEAR_WORDS) for text in corpus(1)]
    whole = near.signatures(rows)
    monkeypatch.setattr(near, "_CHUNK", 7)
    assert np.array_equal(near.signatures(rows), whole)


@pytest.mark.parametrize(("share", "least"), [(0.05, 1.0), (0.1, 0.9), (0.15, 0.02)])
def test_what_half_of_the_runs_finds_by_the_share_of_changed_words(
    share: float, least: float
) -> None:
    """Bounds of copies of 50 words at a similarity of 0.5; at 0.8 a changed word in 50 is most."""
    rng = random.Random(11)
    similarity = []
    for _ in range(300):
        original = paragraph(rng, 50)
        similarity.append(near.jaccard(*grams([original, changed(original, share, rng)])))
    at_half = sum(value >= 0.5 for value in similarity) / len(similarity)
    strict = sum(value >= 0.8 for value in similarity) / len(similarity)
    print(f"{share:.0%} of the words changed: found {at_half:.0%} at 0.5, {strict:.0%} at 0.8")
    assert at_half >= least and strict <= at_half


def test_a_candidate_is_read_once_and_in_the_order_of_the_rows() -> None:
    """Candidates of distant texts: reading them pair by pair read each text again and again."""
    words = [[f"w{n}" for n in range(start, start + 40)] for start in (0, 1, 2, 3)] * 12
    rows = [shingles(word_hashes(" ".join(of)), near.NEAR_WORDS) for of in words]
    asked: list[int] = []

    def grams(row: int) -> frozenset[int]:
        asked.append(row)
        return frozenset(rows[row].tolist())

    assert near.pairs(near.signatures(rows), grams, 0.5)
    assert asked == sorted(set(asked)) and len(asked) > 2

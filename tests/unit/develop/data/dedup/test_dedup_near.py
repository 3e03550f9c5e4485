"""Duplicates by their words: exact, near, and contained in other texts."""

import random
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from kamerton.develop.data.corpus.cleaning import sampled
from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import (
    Containment,
    containments,
    normal,
    shingles,
    word_hashes,
)
from russian_prose import VOCABULARY, changed, paragraph, shouted, text


@pytest.mark.parametrize(
    "other",
    ["ЕЛКА — «зелёная»!", "елка зеленая", "  Ёлка...\nзеленая?", "ёлка, ЗЕЛЁНАЯ"],
)
def test_case_marks_and_yo_are_no_difference(other: str) -> None:
    assert normal("Ёлка зелёная.") == normal(other) == "елка зеленая"
    assert (word_hashes("Ёлка зелёная.") == word_hashes(other)).all()


def test_other_words_and_another_order_are_a_difference() -> None:
    one, two = word_hashes("раз два три").tolist(), word_hashes("раз три два").tolist()
    assert sorted(one) == sorted(two) and one != two
    assert word_hashes("раз два").tolist() != word_hashes("раздва").tolist()


def test_the_first_stays_and_each_repeat_names_it() -> None:
    rows = [("a", "x"), ("b", "y"), ("c", "x"), ("d", "x"), ("e", "y")]
    assert near.repeats(rows) == {"c": "a", "d": "a", "e": "b"}


def test_texts_without_words_repeat_nothing() -> None:
    assert near.repeats([("a", ""), ("b", ""), ("c", normal("* * *"))]) == {}


@pytest.mark.parametrize("size", [1, 3, 8])
def test_runs_are_equal_where_their_words_are(size: int) -> None:
    rng = random.Random(size)
    words = rng.choices(VOCABULARY[:6], k=300)
    hashes = shingles(word_hashes(" ".join(words)), size).tolist()
    runs = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    assert len(hashes) == len(runs)
    assert len(set(zip(hashes, runs, strict=True))) == len(set(runs)) == len(set(hashes))


def test_a_text_shorter_than_a_run_is_one_run() -> None:
    words = word_hashes("всего три слова")
    assert len(shingles(words, 8)) == 1
    assert len(shingles(word_hashes("!?"), 8)) == 0


def test_hashes_are_the_same_in_another_process() -> None:
    program = (
        "from kamerton.develop.data.dedup.near import *; "
        "print(shingles(word_hashes('раз два три четыре'), 3).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == str(shingles(word_hashes("раз два три четыре"), 3).tolist())


def test_a_shouted_copy_has_the_same_words() -> None:
    original = paragraph(random.Random(2))
    assert shouted(original) != original
    assert np.array_equal(word_hashes(original), word_hashes(shouted(original)))


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


def runs(of: str) -> set[int]:
    return set(shingles(word_hashes(of), near.CONTAINED_WORDS).tolist())


def brute(texts: dict[str, str], least: float) -> list[Containment]:
    """Each text against each other one, by sets."""
    found = []
    for name in sorted(texts):
        own = runs(texts[name])
        shared = {other: own & runs(texts[other]) for other in sorted(texts) if other != name}
        anywhere = len(set().union(*shared.values())) / len(own)
        within = {o: len(s) / len(own) for o, s in shared.items() if len(s) >= 0.01 * len(own)}
        if anywhere >= least:
            found.append(Containment(name, anywhere, within))
    return found


def nested_corpus(seed: int) -> dict[str, str]:
    """Novels, a draft of one, a chapter of another, and an anthology of three."""
    rng = random.Random(seed)
    novels = [text(rng, 30) for _ in range(4)]
    lines = [of.split("\n") for of in novels]
    anthology = "\n".join(line for of in lines[:3] for line in rng.sample(of, 5))
    draft = "\n".join(lines[0][:15]) + "\n" + text(rng, 15)
    chapter = "\n".join(lines[3][10:16])
    names = {f"novel{i}": of for i, of in enumerate(novels)}
    return names | {"anthology": anthology, "draft": draft, "chapter": chapter}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [0.0, 0.3, 0.8])
def test_shares_are_those_of_brute_force(seed: int, least: float) -> None:
    texts = nested_corpus(seed)
    hashes = {name: shingles(word_hashes(of), near.CONTAINED_WORDS) for name, of in texts.items()}
    found, right = containments(hashes, least), brute(texts, least)
    assert [(c.id, c.share) for c in found] == [(c.id, c.share) for c in right]
    assert [dict(sorted(c.within.items())) for c in found] == [c.within for c in right]


def test_samples_of_long_texts_are_near_the_whole() -> None:
    texts = nested_corpus(1)
    full = {name: shingles(word_hashes(of), near.CONTAINED_WORDS) for name, of in texts.items()}
    whole = {c.id: c.share for c in containments(full, 0.0)}
    told = {c.id: c.share for c in containments({n: sampled(r) for n, r in full.items()}, 0.0)}
    assert {name: round(told[name], 1) for name in whole} == pytest.approx(whole, abs=0.15)


def test_texts_that_share_nothing_and_empty_ones_are_not_told() -> None:
    rng = random.Random(3)
    hashes = {str(i): shingles(word_hashes(text(rng, 5)), 8) for i in range(5)}
    hashes["empty"] = word_hashes("")
    assert containments(hashes, 0.01) == []
    assert containments({}, 0.5) == []


def test_a_formula_of_very_many_texts_is_counted_for_each() -> None:
    rng = random.Random(5)
    formula = "в некотором царстве в некотором государстве жил да был старик"
    hashes = {f"{i:03}": shingles(word_hashes(f"{formula} {text(rng, 1)}"), 8) for i in range(200)}
    found = containments(hashes, 0.01)
    assert len(found) == 200
    assert all(0 < c.share < 0.3 for c in found)

"""The same words: whatever their case, marks and ё; hashes of runs that never change."""

import random
import subprocess
import sys

import numpy as np
import pytest

from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import normal, shingles, word_hashes
from russian_prose import VOCABULARY, paragraph, shouted


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

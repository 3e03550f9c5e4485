"""Edits: applied, undone, and every character traced to where it was read."""

import random

import pytest

from kamerton.develop.data.clean.edits import Edit, apply, edited, track, undone
from traced import naive


def random_edits(text: str, rng: random.Random) -> list[Edit]:
    """Cuts, insertions and replacements in order, some of them side by side."""
    places = sorted(rng.randint(0, len(text)) for _ in range(2 * rng.randint(0, 6)))
    pairs = zip(places[::2], places[1::2], strict=True)
    return [Edit(start, end, "xyzw"[: rng.randint(0, 4)]) for start, end in pairs]


@pytest.mark.parametrize("seed", range(300))
def test_origins_are_those_of_a_naive_implementation(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choice("абвгд \n") for _ in range(rng.randint(0, 30)))
    tracked, chars, touched = track(text), [(c, i) for i, c in enumerate(text)], set[int]()
    for _ in range(rng.randint(1, 5)):
        edits = random_edits(tracked.text, rng)
        chars = naive(chars, len(text), edits, touched)
        tracked = apply(tracked, edits)
        assert tracked.text == "".join(letter for letter, _ in chars)
        assert tracked.origin.tolist() == [origin for _, origin in chars] + [len(text)]
        assert {i for i, was in enumerate(tracked.touched.tolist()) if was} == touched


@pytest.mark.parametrize("seed", range(100))
def test_undoing_gives_the_text_before(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choice("абв\n") for _ in range(rng.randint(0, 40)))
    edits = random_edits(text, rng)
    old = [text[edit.start : edit.end] for edit in edits]
    assert undone(edited(text, edits), edits, old) == text


def test_a_longer_word_keeps_its_first_letters_apart() -> None:
    tracked = apply(track("раз два"), [Edit(0, 3, "сначала")])
    assert tracked.text == "сначала два"
    assert tracked.origin.tolist() == [0, 1, 2, 2, 2, 2, 2, 3, 4, 5, 6, 7]
    assert tracked.touched.tolist() == [True] * 3 + [False] * 4


def test_what_is_inserted_stands_before_what_follows_it() -> None:
    tracked = apply(track("ab"), [Edit(1, 1, "--"), Edit(2, 2, "!")])
    assert tracked.text == "a--b!"
    assert tracked.origin.tolist() == [0, 1, 1, 1, 2, 2]
    assert not tracked.touched.any()


def test_a_cut_is_touched_though_nothing_is_left_of_it() -> None:
    tracked = apply(apply(track("abcd"), [Edit(1, 3, "")]), [Edit(0, 2, "x")])
    assert tracked.text == "x"
    assert tracked.touched.tolist() == [True, True, True, True]


def test_no_edit_changes_nothing() -> None:
    tracked = track("текст")
    assert apply(tracked, []) is tracked

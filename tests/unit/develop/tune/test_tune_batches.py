"""Which rows share a step: of like length, all once, and the same when a run is resumed."""

import pytest

from kamerton.develop.tune.batches import Batches, collate

LENGTHS = [3 + (7 * n) % 50 for n in range(23)]


def steps(batches: Batches) -> list[list[int]]:
    """Rows of each optimiser step, its parts put together as the Trainer counts them."""
    parts = list(batches)
    return [
        [row for part in parts[i : i + batches.parts] for row in part]
        for i in range(0, len(parts), batches.parts)
    ]


@pytest.mark.parametrize("micro_batch_size", [1, 2, 3, 5, 6])
def test_an_epoch_is_all_rows_once_in_steps_that_do_not_depend_on_parts(
    micro_batch_size: int,
) -> None:
    whole = Batches(LENGTHS, 6, 6, seed=1)
    cut = Batches(LENGTHS, 6, micro_batch_size, seed=1)
    assert sorted(row for part in cut for row in part) == list(range(23))
    assert steps(cut) == steps(whole) == list(whole)
    assert max(map(len, cut)) <= micro_batch_size and len(list(cut)) == len(cut)


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    first, again, other = (Batches(LENGTHS, 4, 4, seed=seed) for seed in (1, 1, 2))
    start = list(first)
    first.set_epoch(1)
    second = list(first)
    again.set_epoch(1)
    assert list(again) == second != start
    again.set_epoch(0)
    assert list(again) == start != list(other)


def test_rows_of_like_length_share_a_step_and_the_longest_comes_first() -> None:
    lengths = LENGTHS * 10
    order = list(Batches(lengths, 4, 4, seed=3))
    assert lengths[order[0][0]] == max(lengths)
    spread = [max(lengths[i] for i in part) - min(lengths[i] for i in part) for part in order[1:]]
    assert sum(spread) / len(spread) < (max(lengths) - min(lengths)) / 4


def test_padding_is_neither_seen_nor_learnt() -> None:
    rows = [
        {"input_ids": (5, 6, 7), "supervised": (False, True, True)},
        {"input_ids": (8,), "supervised": (True,)},
    ]
    batch = collate(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["supervised"].tolist() == [[False, True, True], [True, False, False]]

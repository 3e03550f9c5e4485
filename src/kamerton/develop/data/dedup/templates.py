"""Near-duplicates among rows that share a template: rows are one only where they fill it alike.

Where five rows and more are near one another, what they share is found in them: a *slot* is where
of the rows that have the same three words before it a third and more do not go on as the most do.
Rows that differ in a slot say different things. Copies with small changes differ where the others
agree, so they stay near-duplicates, however many they are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import NEAR_WORDS, jaccard, shingles
from kamerton.develop.data.dedup.runs import FEWEST

if TYPE_CHECKING:
    from kamerton.develop.data.dedup.near import Hashes

Pair = tuple[int, int, float]
_START, _END = 1, 2
"""Stand for words before and after every row."""


def pairs(rows: "Sequence[Hashes]", threshold: float) -> list[Pair]:
    """Pairs of rows (hashes of their words) that say nearly the same, in order, with similarity."""
    grams = [shingles(words, NEAR_WORDS) for words in rows]
    sets = [frozenset(of.tolist()) for of in grams]
    alike = near.pairs(near.signatures(grams), sets.__getitem__, threshold)
    filled: dict[int, _Filled] = {}
    proposed = {pair[:2] for pair in alike}
    for group in _groups(alike):
        if len(group) >= FEWEST:
            of_group = dict(zip(group, _fillings([rows[row] for row in group]), strict=True))
            if any(row.slots for row in of_group.values()):
                filled |= of_group
                proposed |= _alike_inside(of_group, threshold)
    measured = [
        (one, other, jaccard(sets[one], sets[other]))
        for one, other in sorted(proposed)
        if _say_the_same(filled.get(one), filled.get(other), threshold)
    ]
    return [pair for pair in measured if pair[2] >= threshold]


def _groups(alike: Sequence[Pair]) -> list[list[int]]:
    """Rows that are near each other, or near the same third."""
    group_of: dict[int, list[int]] = {}
    for one, other, _ in alike:
        first, second = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        if first is not second:
            larger, smaller = (first, second) if len(first) >= len(second) else (second, first)
            larger += smaller
            group_of |= dict.fromkeys(smaller, larger)
    return [sorted(group) for group in {id(of): of for of in group_of.values()}.values()]


@dataclass(frozen=True)
class _Filled:
    """What a row has for itself among rows like it."""

    slots: dict[int, set[int]]
    """For the three words before each slot, hashed, these with the word after them."""
    own: frozenset[int]
    """All of these, and the runs of three words in its fillings."""


_EDIT = 1 + NEAR_WORDS
"""So many steps leave the template where one word of it was changed."""


def _fillings(rows: "Sequence[Hashes]") -> list[_Filled]:
    import numpy as np

    start, end = np.full(NEAR_WORDS, _START, np.uint64), np.array([_END], np.uint64)
    padded = [np.concatenate([start, words, end]) for words in rows]
    # Of each word, and of the end: the three words before it, these with it, the run it ends.
    runs = [shingles(words, NEAR_WORDS).tolist() for words in padded]
    steps = [shingles(words, NEAR_WORDS + 1).tolist() for words in padded]
    pairs_of = [set(zip(*of, strict=False)) for of in zip(runs, steps, strict=True)]
    taken = Counter(pair for of in pairs_of for pair in of)
    times, most = Counter[int](), dict[int, int]()
    for (before, _), count in taken.items():
        times[before] += count
        most[before] = max(most.get(before, 0), count)
    return [_filling(*of, taken, times, most) for of in zip(runs, steps, strict=True)]


def _filling(
    runs: list[int],
    steps: list[int],
    taken: Counter[tuple[int, int]],
    times: Counter[int],
    most: dict[int, int],
) -> _Filled:
    slots: dict[int, set[int]] = {}
    own, changed = set[int](), list[int]()
    # Rows that have the slot that this one fills; the filling ends where half of them agree again.
    opened = 0
    for before, step, run in zip(runs, steps, runs[1:], strict=False):
        count, others = times[before], times[before] - most[before]
        if count >= FEWEST and 3 * others >= count:
            slots.setdefault(before, set()).add(step)
            own.add(step)
            opened = max(opened, count)
        elif count >= max(FEWEST, opened / 2):
            rare = taken[before, step] < FEWEST
            opened = count if rare and others > max(1, count // 10) else 0
            changed = [run] if rare and not opened else []
        elif changed:
            changed.append(run)
        if opened or len(changed) > _EDIT:
            own.update((run, *changed))
    return _Filled(slots, frozenset(own.union(changed)))


def _alike_inside(group: dict[int, _Filled], threshold: float) -> set[tuple[int, int]]:
    """Rows of a group that fill its template alike: of many rows few pairs are proposed."""
    import numpy as np

    rows = [row for row, filled in group.items() if filled.own]
    signed = near.signatures([np.array(sorted(group[row].own), np.uint64) for row in rows])
    found = near.pairs(signed, lambda place: group[rows[place]].own, threshold)
    return {(rows[one], rows[other]) for one, other, _ in found}


def _say_the_same(one: _Filled | None, other: _Filled | None, threshold: float) -> bool:
    if one is None or other is None:
        return True
    if any(other.slots.get(before, on) != on for before, on in one.slots.items()):
        return False
    return one.own == other.own or jaccard(one.own, other.own) >= threshold

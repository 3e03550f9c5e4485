"""What is scored of preference rows: two lists of answers, one of each for every row."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.preference.rows import Answered, Judged, Pair, Row


@dataclass(frozen=True)
class Scored:
    """The training rows in their order, and the answers of which log-probabilities are needed."""

    rows: tuple[Row, ...]
    first: tuple[Answered, ...]
    """The better answers (dpo), or the given ones (kto)."""
    second: tuple[Answered, ...]
    """The worse answers (dpo), or other rows' answers to this row's prompt (kto)."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the loss, by their names in trl's configuration."""

    @property
    def answers(self) -> tuple[Answered, ...]:
        """All answers, `first` before `second`."""
        return self.first + self.second


def _pairs(rows: Sequence[Row], settings: TuneSettings, seed: int) -> Scored:
    pairs = cast(Sequence[Pair], rows)
    return Scored(tuple(rows), tuple(p.better for p in pairs), tuple(p.worse for p in pairs))


def _judged(rows: Sequence[Row], settings: TuneSettings, seed: int) -> Scored:
    """The answers, and each prompt with the answer of its neighbour in the batch.

    From the latter KTO estimates how far the model has moved (Ethayarajh et al. 2024, section
    4.1). Neighbours must stay neighbours, so the rows are shuffled once and then keep their
    order in every epoch, as trl demands.
    """
    mixed = list(cast(Sequence[Judged], rows))
    random.Random(seed).shuffle(mixed)
    given = [row.given for row in mixed]
    moved = (
        Answered(own.prompt, given[other].answer[: settings.max_length - len(own.prompt)])
        for own, other in zip(given, neighbours(len(given), settings.batch_size), strict=True)
    )
    return Scored(tuple(mixed), tuple(given), tuple(moved), _balance(mixed))


def neighbours(rows: int, batch: int) -> list[int]:
    """For each row the one before it in its batch, for the first of a batch the last.

    A batch of a single row takes the row before it in the file: its own answer would tell nothing.

    >>> neighbours(5, 2)
    [1, 0, 3, 2, 3]
    """
    found = []
    for place in range(rows):
        start = place // batch * batch
        end = min(start + batch, rows)
        found.append(place - 1 if place > start or end - start == 1 else end - 1)
    return found


def _balance(rows: Sequence[Judged]) -> dict[str, float]:
    """The rarer kind of answers weighs as much in all as the other (KTO paper, equation 8)."""
    kinds = Counter(row.good for row in rows)
    most = max(kinds.values())
    return {"desirable_weight": most / kinds[True], "undesirable_weight": most / kinds[False]}


SCORED: dict[str, Callable[[Sequence[Row], TuneSettings, int], Scored]] = {
    "dpo": _pairs,
    "kto": _judged,
}
"""What each objective scores of its training rows; the last argument is the seed."""

"""What a scorer is, and what it gives: values of items, a value of all, and how it was computed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kamerton import stats
from kamerton.formats.errors import InputError
from kamerton.formats.scores import Interval
from kamerton.formats.spelling import plain

Answers = Sequence[str]
References = Sequence[Sequence[str]]
"""For each answer its references, at least one."""
Rows = list[list[float]]
"""Sums of an item that add up over items (matches, lengths); equally long. [items][figures]"""


@dataclass(frozen=True)
class Scored:
    """The outcome of one scorer on all answers of one arm."""

    items: tuple[float | None, ...]
    """One value for each answer; None: the measure does not apply to it, and no mean counts it."""
    corpus: float | None
    """The value of all answers together; None where it applies to none."""
    signature: str
    """Everything that the figure depends on: method, settings, versions."""
    parts: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Values of the items by part (precision, recall; the four matches of CodeBLEU)."""
    totals: dict[str, float | None] = field(default_factory=dict)
    """The parts over all answers."""


@dataclass(frozen=True)
class Additive:
    """A corpus value that is a function of sums over items: what resampling needs.

    `rows` takes answers and references and gives the sums of each item; `value` takes their total
    over any set of items and gives what `Scored.corpus` is for that set (NaN: does not apply).
    """

    rows: Callable[[Answers, References], Rows]
    value: Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Example:
    """An answer whose value is known by hand; `kamerton selfcheck` reckons it."""

    answer: str
    reference: str
    value: float
    source: str


@dataclass(frozen=True)
class Scorer:
    """One measure of answers against references."""

    name: str
    compute: Callable[[Answers, References], Scored]
    """What `score` does with answers and references that fit."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Least and largest value that is possible."""
    higher_is_better: bool = True
    additive: Additive | None = None
    """Present where the corpus value is no mean of the items: paired tests of means do not hold."""
    languages: tuple[str, ...] = ()
    """The only languages that it is meant for; empty: any."""
    example: Example | None = None

    def score(self, answers: Answers, references: References) -> Scored:
        """Score all answers; InputError unless there are some and each has a reference."""
        if not answers:
            raise InputError("experiment.scorer_no_answers")
        if len(answers) != len(references):
            raise InputError(
                "experiment.scorer_lengths", answers=len(answers), references=len(references)
            )
        for place, those in enumerate(references):
            if isinstance(those, str) or not those:
                raise InputError("experiment.scorer_no_reference", where=f"references[{place}]")
        return self.compute(answers, references)


def by_pairs(
    name: str,
    value: Callable[[str, str], float],
    signature: Callable[[], str],
    example: Example | None = None,
) -> Scorer:
    """The scorer of a measure of one answer and one reference, in [0, 1].

    An answer has the value of its best reference, the corpus the mean of its answers.
    """

    def compute(answers: Answers, references: References) -> Scored:
        told = signature()  # says which package is missing, before one is imported
        items = tuple(
            max(value(answer, one) for one in those)
            for answer, those in zip(answers, references, strict=True)
        )
        return Scored(items, mean(items), told)

    return Scorer(name, compute, example=example)


def interval(
    scorer: Scorer,
    scored: Scored,
    answers: Answers,
    references: References,
    groups: Sequence[str],
    seed: int = 0,
) -> Interval | None:
    """The corpus value of one arm with its interval; None where the measure applies to no answer.

    Two arms are compared by `stats.verdicts`, never by two of these.
    """
    if scorer.additive is not None:
        rows = scorer.additive.rows(answers, references)
        bounds, value = scorer.bounds, scorer.additive.value
        return stats.corpus_interval(rows, value, bounds, groups, seed=seed)
    applies = [(v, g) for v, g in zip(scored.items, groups, strict=True) if v is not None]
    if not applies:
        return None
    values, names = [value for value, _ in applies], [name for _, name in applies]
    return stats.interval(values, names, scorer.bounds, seed=seed)


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that apply; None where none does."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def spelt(answers: Answers, references: References) -> tuple[list[str], list[list[str]]]:
    """Both sides after `plain`: the same words in other characters are no other words."""
    return [*map(plain, answers)], [[*map(plain, those)] for those in references]


def version(package: str) -> str:
    """The installed version of a package; InputError with the command where it is not there."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise InputError("experiment.scorer_package", package=package) from error

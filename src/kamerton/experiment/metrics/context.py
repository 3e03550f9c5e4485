"""What a criterion may know besides the question: the names of all exhibits."""

from collections.abc import Iterable
from dataclasses import dataclass

from kamerton.formats.questions import Question

Score = tuple[float, str]
"""A score in [0, 1], and the reason where it is below 1: a code, or `code: what`."""


@dataclass(frozen=True)
class Context:
    """The catalogue as far as the dataset names it."""

    names: dict[str, str]
    """Group to the name that a reader knows it by."""


def context_of(questions: Iterable[Question], names: dict[str, str]) -> Context:
    """Collect `names` and those of the questions' own groups."""
    return Context(names | {q.group: q.group_name for q in questions if q.group_name})

"""What a criterion may know besides the question: the names of all exhibits, or the briefs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kamerton.formats.brief import Order
from kamerton.formats.questions import Question

Score = tuple[float, str]
"""A score in [0, 1], and the reason where it is below 1: a code, or `code: what`."""


@dataclass(frozen=True)
class Context:
    """The catalogue as far as the dataset names it."""

    names: dict[str, str]
    """Group to the name that a reader knows it by."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    """Question id to what an advertising text was ordered by."""


Asked = tuple[Question, str, str]
"""A question (with the reference), the answer to it, and why the answer ended."""
Metric = Callable[[Question, str, str, Context], Score | None]
"""Question, answer, finish reason and context to a score with its reason; None: does not apply."""


def context_of(
    questions: Iterable[Question], names: dict[str, str], orders: Mapping[str, Order]
) -> Context:
    """Collect `names` and those of the questions' own groups, beside the `orders`."""
    known = names | {q.group: q.group_name for q in questions if q.group_name}
    return Context(known, orders)

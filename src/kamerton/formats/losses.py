"""How well a model says held-out answers, or foresees held-out choices, before and after training.

One row for each answer (losses.jsonl), or for each choice or vote of a person (choices.jsonl).
"""

from pydantic import Field

from kamerton.formats.jsonl import Record

LOSSES, CHOICES = "losses.jsonl", "choices.jsonl"


class LossRow(Record):
    """Cross-entropy of one held-out answer, in nats for each supervised token."""

    id: str
    group: str | None = None
    tokens: int
    """Supervised tokens of the answer."""
    before: float
    """Under the base."""
    after: float
    """Under the trained model."""


class ChoiceRow(Record):
    """Cross-entropy of what a person said of one held-out pair or answer, in nats."""

    id: str
    question: str
    """The last user turn, spelt as `same_prompt` spells it: the unit of every test."""
    group: str | None = None
    """Who said it."""
    before: float
    """Under the model that training started from: ln 2, a coin, for its rewards are zero."""
    after: float
    """Under the trained model."""
    right_before: float | None = Field(None, ge=0, le=1)
    """1 where the starting model finds the preferred answer likelier than the other one, 0 where
    less likely, 0.5 for a tie; of a good answer with several bad ones, the mean. None where one
    answer alone was judged."""
    right_after: float | None = Field(None, ge=0, le=1)
    """The same under the trained model."""

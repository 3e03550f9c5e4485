"""How well a model says held-out answers, before and after training: one row for each answer."""

from pydantic import BaseModel, ConfigDict

LOSSES = "losses.jsonl"


class LossRow(BaseModel):
    """Cross-entropy of one held-out answer, in nats for each supervised token."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    group: str | None = None
    tokens: int
    """Supervised tokens of the answer."""
    before: float
    """Under the base."""
    after: float
    """Under the trained model."""

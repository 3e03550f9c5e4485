"""The rule of the regression gate, declared before the run. No heavy import lives here."""

from pydantic import Field

from kamerton.formats.questions import HeldOut
from kamerton.formats.recipe import Section


class GateSettings(Section):
    """The rule by which a run passes."""

    criterion: str = ""
    """What may not get worse; empty: the run's primary criterion."""
    held_out: list[HeldOut] = []
    """On which held-out sets; empty: those of the run's primary hypotheses."""
    margin: float | None = Field(None, gt=0)
    """Largest loss that passes, as a share (0.05 is 5 points) or in nats; empty: the recipe's
    margin or loss_margin."""
    safety: bool = True
    """Whether safety may not get worse either."""
    safety_margin: float = Field(0.02, gt=0)
    """Largest loss of safety that passes, as a share."""
    alpha: float = Field(0.025, gt=0, lt=0.5)
    """Chance that a check passes a run that loses just its margin; one-sided."""

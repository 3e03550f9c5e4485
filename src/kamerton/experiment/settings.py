"""What a recipe says about the comparison. No heavy import lives here."""

from collections.abc import Sequence

from pydantic import Field

from kamerton.experiment.criteria import GUIDE, Criterion
from kamerton.formats.questions import HeldOut
from kamerton.formats.recipe import Section


class Hypothesis(Section):
    """One declared comparison: `arm` against `against` on one held-out set."""

    name: str
    arm: str
    against: str
    held_out: HeldOut


class ExperimentSettings(Section):
    """What is asked, of whom, and what is claimed; declared before the run."""

    arms: list[str] = []
    """Model ids to compare; empty: base, base+rag, the adapter, the adapter with +rag."""
    primary: Criterion = "factual_accuracy"
    """The one criterion that the primary hypotheses are about, any of the table. Where rows are
    compared a guide's own say nothing, and it is what training left of held-out answers or choices
    unless another one is named, as `rougeL` or `bleu`."""
    criteria: list[Criterion] = []
    """What answers are scored by, the primary one besides; empty: the five of a guide, or form."""
    hypotheses: list[Hypothesis] = []
    """Primary hypotheses; empty: tuned against base on known, retrieval against none on unknown."""
    max_tokens: int = Field(32, ge=1)
    """Longest answer, in tokens."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """Chance of a false claim in each family of hypotheses, Holm's correction applied."""
    margin: float = Field(0.05, gt=0, lt=1)
    """Differences whose whole interval is below this are called equivalent, where no direction is
    proved: a small but certain gain stays a gain."""
    resamples: int = Field(10_000, ge=100)
    """Sign flips and bootstrap resamples."""
    claims_verdict: bool = True
    """False where the run is too small to claim anything (the smoke preset)."""
    repeat_share: float = Field(0.05, ge=0, le=1)
    """Share of the questions asked a second time, to count answers that change."""
    prompts: list[str] = []
    """Prompts that all arms are asked where rows are compared, to be read side by side."""
    held_out_prompts: int = Field(40, ge=0)
    """Prompts of held-out rows that are asked too, where rows are compared: at most this many,
    drawn by the seed from as many groups as there are. Tests of form rest on these."""
    answer_tokens: int = Field(256, ge=1)
    """Longest answer where rows are compared, in tokens (`max_tokens` is for a guide's)."""
    loss_margin: float = Field(0.02, gt=0)
    """Differences of held-out loss whose whole interval is below this, in nats per token or per
    choice, are called equivalent, where no direction is proved: 0.02 is 2 % of the perplexity."""

    @property
    def guide_criteria(self) -> list[str]:
        """What a guide's answers are scored by."""
        return list(dict.fromkeys([*(self.criteria or GUIDE), self.primary]))

    @property
    def rows_primary(self) -> str:
        """The criterion of answers that the verdict on rows is about; empty: what training left."""
        return "" if self.primary in GUIDE else self.primary

    def rows_criteria(self, defaults: Sequence[str]) -> list[str]:
        """What answers to rows are scored by; `defaults` where the recipe names nothing."""
        named = [self.rows_primary] if self.rows_primary else []
        return list(dict.fromkeys([*(self.criteria or defaults), *named]))


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

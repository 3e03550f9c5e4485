"""How far the judge agrees with people who rated the same pairs."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.judge.outcome import Outcome
from kamerton.experiment.judge.pairs import SCORE, Choice
from kamerton.formats.scores import Interval

Human = Mapping[tuple[str, str], Choice]
"""(pair id, criterion) to what people chose, `rating.verdict.consensus` of several."""


class Calibration(BaseModel):
    """The judge against people on one criterion."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pairs: int
    """Rated by both."""
    agreed: float
    """Share of those with the same choice."""
    kappa: Interval | None
    """Quadratic kappa over base, tie, tuned, interval over groups; None where it is not defined:
    too few pairs, or one choice for all."""
    holds: bool
    """Whether the lower end of kappa's interval is high enough to lean on the judge."""


def calibrate(
    outcomes: Sequence[Outcome],
    human: Human,
    criterion: str,
    least_kappa: float = 0.4,
    resamples: int = 2000,
    seed: int = 0,
) -> Calibration:
    """Agreement over the pairs that both rated; unrated ones are no disagreement, but not counted.

    Identical answers, which nobody was asked about, are left out: they would flatter the judge.
    """
    both = [
        (one, human[one.pair.id, criterion])
        for one in outcomes
        if one.criterion == criterion and one.choice != "unrated" and one.note != "identical"
        if human.get((one.pair.id, criterion), "unrated") != "unrated"
    ]
    found = stats.kappa(
        [SCORE[one.choice] for one, _ in both],
        [SCORE[said] for _, said in both],
        [one.pair.unit for one, _ in both],
        "quadratic",
        resamples,
        seed,
    )
    holds = found.value is not None and found.value.low >= least_kappa
    return Calibration(pairs=len(both), agreed=found.agreed, kappa=found.value, holds=holds)

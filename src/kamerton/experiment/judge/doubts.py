"""What speaks for and against a judge: how far it agrees with people, and whether length wins."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.judge.outcome import Outcome
from kamerton.experiment.judge.pairs import SCORE, Choice, Pair
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


class LengthEffect(BaseModel):
    """The pairs with a winner and answers of unlike length, and who won them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pairs: int
    longer_won: Interval | None = None
    """Share won by the longer answer, interval over groups; one half means no effect. None where
    there is no such pair."""
    tuned_longer: int = 0
    """Pairs in which the tuned answer is the longer one."""
    won_longer: float | None = None
    """Share that tuned won of those; None where there are none."""
    won_shorter: float | None = None
    """Share that tuned won of the others."""
    balanced: float | None = None
    """Share that tuned would win if it were the longer one half of the time: mean of both strata
    (direct standardisation). None where one of them is empty."""
    explains: bool = False
    """Whether the balanced share lies on the other side of one half than the plain one: then
    length alone may have won."""


def length_effect(
    rated: Sequence[tuple[Pair, Choice]], resamples: int = 2000, seed: int = 0
) -> LengthEffect:
    """Length in letters against winner; ties and unrated pairs say nothing here."""
    won = [(p, c) for p, c in rated if c in {"base", "tuned"} and len(p.base) != len(p.tuned)]
    if not won:
        return LengthEffect(pairs=0)
    longer = [len(pair.tuned) > len(pair.base) for pair, _ in won]
    tuned = [choice == "tuned" for _, choice in won]
    same = [float(a == b) for a, b in zip(longer, tuned, strict=True)]
    units = [pair.unit for pair, _ in won]
    strata = [
        _share([t for t, is_longer in zip(tuned, longer, strict=True) if is_longer == which])
        for which in (True, False)
    ]
    balanced = sum(s for s in strata if s is not None) / 2 if None not in strata else None
    plain = sum(tuned) / len(tuned)
    return LengthEffect(
        pairs=len(won),
        longer_won=stats.interval(same, units, resamples=resamples, seed=seed),
        tuned_longer=sum(longer),
        won_longer=strata[0],
        won_shorter=strata[1],
        balanced=balanced,
        explains=balanced is not None and (balanced - 0.5) * (plain - 0.5) < 0,
    )


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None

"""Whether the longer answer wins: judges like length, and tuning often changes it."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.judge.pairs import Choice, Pair
from kamerton.formats.scores import Interval


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

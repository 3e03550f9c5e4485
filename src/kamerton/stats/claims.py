"""What may be claimed of a difference: a direction, "no worse than", "the same within"."""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton.formats.scores import Interval, Verdict
from kamerton.stats.bca import bca


@dataclass(frozen=True)
class Claim:
    """A claim about a mean difference that is read off its interval."""

    holds: bool
    effect: Interval
    """The mean difference with the interval that decides: at `level`, not always 95 %."""
    margin: float
    """Differences below this do not matter; on the scale of the scores."""
    level: float
    alpha: float
    """Chance that the claim is made though it is false."""


def verdict(effect: Interval, p_holm: float, alpha: float, margin: float) -> Verdict:
    """Say what may be claimed of one hypothesis.

    A direction needs both the corrected p and the interval on its side: with few groups either
    alone says too much. A direction goes before "equivalent", which needs the whole interval
    within the margin.
    """
    proved = p_holm <= alpha
    if proved and effect.low > 0:
        return "better"
    if proved and effect.high < 0:
        return "worse"
    if -margin < effect.low and effect.high < margin:
        return "equivalent"
    return "not enough evidence"


def non_inferior(
    differences: Sequence[float],
    groups: Sequence[str],
    margin: float,
    alpha: float = 0.025,
    bounds: tuple[float, float] = (-1.0, 1.0),
    resamples: int = 10_000,
    seed: int = 0,
) -> Claim:
    """Whether the arm is worse by less than `margin`: "no worse than base by more than 2 points".

    `differences` are arm minus base, 0.02 is 2 points of a share. The claim holds where the lower
    end of the BCa interval at 1 - 2 alpha is above -margin, a one-sided test at `alpha` (0.025 is
    the convention of ICH E9). Not finding a difference is no such claim.
    """
    _check(margin, alpha)
    level = 1 - 2 * alpha
    effect = bca(differences, groups, bounds, resamples, seed, level)
    return Claim(effect.low > -margin, effect, margin, level, alpha)


def equivalent(
    differences: Sequence[float],
    groups: Sequence[str],
    margin: float,
    alpha: float = 0.05,
    bounds: tuple[float, float] = (-1.0, 1.0),
    resamples: int = 10_000,
    seed: int = 0,
) -> Claim:
    """Whether the arms differ by less than `margin` in either direction.

    Two one-sided tests at `alpha` each (TOST, Schuirmann 1987), read off the interval at
    1 - 2 alpha: it must lie within the margin on both sides.
    """
    _check(margin, alpha)
    level = 1 - 2 * alpha
    effect = bca(differences, groups, bounds, resamples, seed, level)
    return Claim(-margin < effect.low and effect.high < margin, effect, margin, level, alpha)


def _check(margin: float, alpha: float) -> None:
    if margin <= 0 or not 0 < alpha < 0.5:
        raise ValueError("margin above 0, and alpha between 0 and 0.5")

"""From paired, grouped scores to verdicts, and claims that are read off one interval."""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton.formats.scores import Interval, Verdict
from kamerton.stats.corpus import CorpusSums, corpus_difference
from kamerton.stats.intervals import RESAMPLES, Bounds, bca
from kamerton.stats.power import groups_needed
from kamerton.stats.significance import holm, sign_flip

UNPROVED: Verdict = "not enough evidence"
DIFFERENCE: Bounds = (-1.0, 1.0)
"""Of two shares."""


@dataclass(frozen=True)
class Paired:
    """What one hypothesis rests on: the differences of two arms, question by question."""

    differences: Sequence[float]
    """Arm minus against. Empty where nothing could be scored."""
    groups: Sequence[str]
    """What each question is about: the unit of the test and of the interval."""
    margin: float
    """Differences whose whole interval is below this are called equivalent."""
    bounds: Bounds = DIFFERENCE
    """Least and largest difference that is possible."""
    corpus: CorpusSums | None = None
    """Of a metric of the whole corpus, whose difference is no mean of differences."""


@dataclass(frozen=True)
class Tested:
    """One hypothesis of a family with its verdict."""

    verdict: Verdict
    effect: Interval
    """Arm minus against, with its 95 % interval."""
    p: float
    p_holm: float
    questions: int
    groups: int
    groups_needed: int
    """Groups below which no difference can be shown at all; 0 where there are enough."""


def verdicts(
    family: Sequence[Paired],
    alpha: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
    claims: bool = True,
) -> list[Tested]:
    """Effect, p and verdict of each hypothesis of one family, with Holm's correction within it.

    Means: the sign-flip test and the BCa interval over groups. Metrics of a corpus: approximate
    randomisation and the paired bootstrap (`corpus_difference`). Without `claims` the verdicts are
    withheld and the figures stay: for a run that may claim none.
    """
    figures = [_figures(one, resamples, seed) for one in family]
    groups = [len(set(one.groups)) for one in family]
    corrected = holm([p for _, p in figures])
    lacking = groups_needed(groups, alpha)
    return [
        Tested(
            verdict=verdict(effect, p_holm, alpha, one.margin) if claims else UNPROVED,
            effect=effect,
            p=p,
            p_holm=p_holm,
            questions=len(one.differences),
            groups=count,
            groups_needed=needed,
        )
        for one, (effect, p), p_holm, count, needed in zip(
            family, figures, corrected, groups, lacking, strict=True
        )
    ]


def _figures(one: Paired, resamples: int, seed: int) -> tuple[Interval, float]:
    if not one.groups:
        low, high = one.bounds
        return Interval(mean=0.0, low=low, high=high, kind="range"), 1.0
    if one.corpus is not None:
        compared = corpus_difference(one.corpus, one.groups, min(resamples, 2000), seed)
        return compared.effect, compared.p
    effect = bca(one.differences, one.groups, one.bounds, resamples, seed)
    return effect, sign_flip(one.differences, one.groups, resamples, seed)


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
    return UNPROVED


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


def non_inferior(
    paired: Paired, alpha: float = 0.025, resamples: int = RESAMPLES, seed: int = 0
) -> Claim:
    """Whether the arm is worse by less than the margin: "no worse than base by over 2 points".

    The claim holds where the lower end of the interval at 1 - 2 alpha is above -margin, a one-sided
    test at `alpha` (0.025 is the convention of ICH E9, and its interval that of `verdicts`). Not
    finding a difference is no such claim.
    """
    level, effect = _at(paired, alpha, resamples, seed)
    return Claim(effect.low > -paired.margin, effect, paired.margin, level, alpha)


def equivalent(
    paired: Paired, alpha: float = 0.05, resamples: int = RESAMPLES, seed: int = 0
) -> Claim:
    """Whether the arms differ by less than the margin in either direction.

    Two one-sided tests at `alpha` each (TOST, Schuirmann 1987), read off the interval at
    1 - 2 alpha: it must lie within the margin on both sides.
    """
    level, effect = _at(paired, alpha, resamples, seed)
    within = -paired.margin < effect.low and effect.high < paired.margin
    return Claim(within, effect, paired.margin, level, alpha)


def _at(paired: Paired, alpha: float, resamples: int, seed: int) -> tuple[float, Interval]:
    if paired.margin <= 0 or not 0 < alpha < 0.5:
        raise ValueError("margin above 0, and alpha between 0 and 0.5")
    level = 1 - 2 * alpha
    if paired.corpus is not None:
        draws = min(resamples, 2000)
        return level, corpus_difference(paired.corpus, paired.groups, draws, seed, level).effect
    return level, bca(paired.differences, paired.groups, paired.bounds, resamples, seed, level)

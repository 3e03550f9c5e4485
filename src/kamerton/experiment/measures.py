"""Paired measures of a held-out set: figures, intervals and verdicts, whatever was measured.

A measure has one score of each arm for every row, more being better. The declared measures of a
run are one primary family, with Holm's correction within it; units are drawn and flipped whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.scores import Cell, Comparison, Interval

POWER = 0.8
WIDEST = 20.0
"""More nats than guessing among all tokens of any vocabulary: what one group alone can show."""


@dataclass(frozen=True)
class Measure:
    """Scores of two arms on the same rows, in the same order; at least one row."""

    name: str
    """The hypothesis that rests on it."""
    criterion: str
    arm: list[float]
    """After training."""
    against: list[float]
    """Before training."""
    units: list[str]
    """What each row belongs to: rows of one unit are no evidence of their own."""
    bounds: tuple[float, float]
    """Least and largest score."""
    widest: float
    """Largest difference that is possible: what one unit alone can show."""
    margin: float
    """Differences whose whole interval is below this are called equivalent."""
    known: bool = False
    """Whether the scores before training are what they are by definition, and not measured."""

    @property
    def share(self) -> bool:
        """Whether the scores are shares, and not nats."""
        return self.bounds == (0.0, 1.0)

    @property
    def gains(self) -> list[float]:
        """Arm minus against, for each row."""
        return [a - b for a, b in zip(self.arm, self.against, strict=True)]


def comparisons(
    measures: Sequence[Measure],
    arm: str,
    against: str,
    settings: ExperimentSettings,
    seed: int,
    claims_verdict: bool,
) -> list[Comparison]:
    """The primary family: on each measure, `arm` does better than `against`.

    McNemar's test counts the rows that became better and those that became worse: a sign test,
    rows taken as independent.
    """
    ps = [stats.sign_flip(m.gains, m.units, settings.resamples, seed) for m in measures]
    groups = [len(set(measure.units)) for measure in measures]
    lacking = stats.groups_needed(groups, settings.alpha)
    found = []
    for measure, p, p_holm, wanted in zip(measures, ps, stats.holm(ps), lacking, strict=True):
        known = _figures(measure, arm, against, settings, seed, p, p_holm, len(measures))
        silenced = {} if claims_verdict else {"verdict": "not enough evidence"}
        found.append(known.model_copy(update={"groups_needed": wanted, **silenced}))
    return found


def _figures(
    measure: Measure,
    arm: str,
    against: str,
    settings: ExperimentSettings,
    seed: int,
    p: float,
    p_holm: float,
    family: int,
) -> Comparison:
    gains, bounds = measure.gains, (-measure.widest, measure.widest)
    effect = stats.bootstrap(gains, measure.units, bounds, settings.resamples, seed)
    better, worse = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    return Comparison(
        name=measure.name,
        family="primary",
        arm=arm,
        against=against,
        held_out="rows",
        criterion=measure.criterion,
        verdict=stats.verdict(effect, p_holm, settings.alpha, measure.margin),
        effect=effect,
        p=p,
        p_holm=p_holm,
        mcnemar_p=stats.mcnemar(better, worse),
        questions=len(gains),
        groups=len(set(measure.units)),
        better=better,
        worse=worse,
        detectable=_detectable(measure, settings.alpha / family),
    )


def _detectable(measure: Measure, alpha: float) -> float:
    """Of shares by the design alone, as elsewhere; of nats, whose spread no design knows, by it.

    Holm holds the smallest p of a family to alpha divided by its size: `alpha` is for that case.
    """
    if measure.share:
        units = len(set(measure.units))
        return stats.detectable(units, len(measure.units) / units, alpha, POWER)
    return detectable(measure.gains, measure.units, alpha, measure.widest)


def cells(
    measures: Sequence[Measure], arm: str, against: str, settings: ExperimentSettings, seed: int
) -> list[Cell]:
    """The mean of both arms on each measure, with its interval."""
    return [
        Cell(
            arm=name,
            held_out="rows",
            criterion=measure.criterion,
            questions=len(scores),
            groups=len(set(measure.units)),
            score=_mean(measure, scores, settings, seed, exact),
        )
        for measure in measures
        for name, scores, exact in (
            (against, measure.against, measure.known),
            (arm, measure.arm, False),
        )
    ]


def _mean(
    measure: Measure, scores: list[float], settings: ExperimentSettings, seed: int, exact: bool
) -> Interval:
    if exact:
        return Interval(mean=scores[0], low=scores[0], high=scores[0])
    return stats.bootstrap(scores, measure.units, measure.bounds, settings.resamples, seed)


def detectable(
    differences: Sequence[float],
    units: Sequence[str],
    alpha: float,
    widest: float = WIDEST,
    power: float = POWER,
) -> float:
    """Smallest true mean difference that is found in `power` of all runs, in the scores' unit.

    (t[1 - alpha/2, G - 1] + t[power, G - 1]) * se, with the cluster-robust standard error of the
    mean over G units (Miller 2024, arXiv 2411.00640, with G / (G - 1)): the spread is the one
    that was found, the effect is not used. Where the units are too few to show any difference
    (`stats.smallest_p`): `widest`.
    """
    import numpy as np
    from scipy.stats import t

    names, index = np.unique(np.asarray(units), return_inverse=True)
    count = len(names)
    if count < 2 or stats.smallest_p(count) > alpha:
        return widest
    values = np.asarray(differences, dtype=float)
    residuals = np.bincount(index, weights=values - values.mean())
    error = float(np.sqrt(count / (count - 1) * np.sum(residuals**2)) / len(values))
    return float(t.ppf(1 - alpha / 2, count - 1) + t.ppf(power, count - 1)) * error

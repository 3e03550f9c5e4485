"""Paired scores of two arms on the same questions to figures and verdicts, whatever was measured.

A score is right or wrong, a share, closeness to a reference, or nats; more is better. The members
of a family are tested together, with Holm's correction; groups are drawn and flipped whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton import stats
from kamerton.experiment.design import Design
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.scores import Cell, Comparison, Interval

WIDEST = 20.0
"""More nats than guessing among all tokens of any vocabulary: what one group alone can show."""
Family = Literal["primary", "secondary"]


@dataclass(frozen=True)
class Claim:
    """One hypothesis on one criterion, before its figures are known."""

    family: Family
    hypothesis: Hypothesis
    criterion: str


@dataclass(frozen=True)
class Measure:
    """Scores of two arms on the same questions, in the same order; at least one question."""

    name: str
    """The hypothesis that rests on it."""
    criterion: str
    arm: list[float]
    """After training."""
    against: list[float]
    """Before training."""
    groups: list[str]
    """What each question is about: questions of one group are no evidence of their own."""
    bounds: tuple[float, float]
    """Least and largest score."""
    widest: float
    """Largest difference that is possible: what one group alone can show."""
    margin: float
    """Differences whose whole interval is below this are called equivalent."""
    exact: bool = False
    """Whether the scores before training are what they are by definition, and not measured."""
    right: float | None = None
    """Score from which an answer counts as right; None: any gain counts as better."""
    graded: bool = False
    """Whether scores tell how close, not whether: then no design knows their spread."""
    cut: float | None = None
    """Share of the arm's answers that the length limit cut; None where nothing was asked."""
    cut_against: float | None = None
    corpus: stats.CorpusSums | None = None
    """Of a metric of the whole corpus, whose value is no mean of these scores."""

    @property
    def share(self) -> bool:
        """Whether the scores are shares, and not nats."""
        return self.bounds == (0.0, 1.0)

    @property
    def differences(self) -> list[float]:
        """Arm minus against, for each question."""
        return [a - b for a, b in zip(self.arm, self.against, strict=True)]

    @property
    def paired(self) -> stats.Paired:
        """What the tests take."""
        bounds = (-self.widest, self.widest)
        return stats.Paired(self.differences, self.groups, self.margin, bounds, self.corpus)

    @property
    def better_and_worse(self) -> tuple[int, int]:
        """Questions that only the arm, and only the other one, got right."""
        right = self.right
        if right is None:
            gains = self.differences
            return sum(g > 0 for g in gains), sum(g < 0 for g in gains)
        both = [(a >= right, b >= right) for a, b in zip(self.arm, self.against, strict=True)]
        return both.count((True, False)), both.count((False, True))


def of_rows(
    measures: Sequence[Measure], arm: str, against: str, family: Family = "primary"
) -> list[tuple[Claim, Measure]]:
    """On each measure of held-out rows: `arm` does better than `against`."""

    def claim(one: Measure) -> Claim:
        hypothesis = Hypothesis(name=one.name, arm=arm, against=against, held_out="rows")
        return Claim(family, hypothesis, one.criterion)

    return [(claim(measure), measure) for measure in measures]


def comparisons(
    claimed: Sequence[tuple[Claim, Measure]],
    settings: ExperimentSettings,
    seed: int,
    claims_verdict: bool,
    on: Design | None = None,
) -> list[Comparison]:
    """Effect, interval, p and verdict of every claim, the primary family first.

    `on`: what is assumed of the spread of rights and wrongs, as the design told it.
    """
    on = on or Design("", (), settings.alpha)
    made: list[Comparison] = []
    for family in ("primary", "secondary"):
        members = [(claim, measure) for claim, measure in claimed if claim.family == family]
        tested = stats.verdicts(
            [measure.paired for _, measure in members],
            settings.alpha,
            settings.resamples,
            seed,
            claims_verdict,
        )
        made += [
            _comparison(claim, measure, figures, on, len(members))
            for (claim, measure), figures in zip(members, tested, strict=True)
        ]
    return made


def _comparison(
    claim: Claim, measure: Measure, figures: stats.Tested, on: Design, family: int
) -> Comparison:
    better, worse = measure.better_and_worse
    return Comparison(
        name=claim.hypothesis.name,
        family=claim.family,
        arm=claim.hypothesis.arm,
        against=claim.hypothesis.against,
        held_out=claim.hypothesis.held_out,
        criterion=claim.criterion,
        verdict=figures.verdict,
        effect=figures.effect,
        p=figures.p,
        p_holm=figures.p_holm,
        mcnemar_p=stats.mcnemar(better, worse),
        questions=figures.questions,
        groups=figures.groups,
        better=better,
        worse=worse,
        detectable=_detectable(measure, figures.groups, on, family),
        groups_needed=figures.groups_needed,
        cut=measure.cut,
        cut_against=measure.cut_against,
    )


def _detectable(measure: Measure, groups: int, on: Design, family: int) -> float:
    """Of rights and wrongs by the design alone; of other scores by the spread that was found.

    Holm holds the smallest p of a family to alpha divided by its size: that is the case told.
    """
    alpha = on.alpha / family
    if measure.share and not measure.graded:
        per_group = len(measure.groups) / groups
        return stats.detectable(groups, per_group, alpha, on.power, on.discordance, on.correlation)
    return stats.detectable_by_spread(
        measure.differences, measure.groups, alpha, measure.widest, on.power
    )


def cells(
    measures: Sequence[Measure], arm: str, against: str, settings: ExperimentSettings, seed: int
) -> list[Cell]:
    """The mean of both arms on each measure of rows, with its interval."""
    return [
        Cell(
            arm=name,
            held_out="rows",
            criterion=measure.criterion,
            questions=len(scores),
            groups=len(set(measure.groups)),
            score=Interval(mean=scores[0], low=scores[0], high=scores[0])
            if exact
            else stats.interval(scores, measure.groups, measure.bounds, settings.resamples, seed),
        )
        for measure in measures
        for name, scores, exact in (
            (against, measure.against, measure.exact),
            (arm, measure.arm, False),
        )
    ]

"""From choices to a verdict for each criterion; shared by judge models and people.

A score is 1 where tuned won, -1 where base won, 0 for a tie; the mean is the share won less the
share lost. What is not known (an unrated pair, a winner that changed with the order) never fills
a mean quietly: a verdict must hold whichever way the unknown would have gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.formats.jsonl import Record
from kamerton.formats.scores import Interval, Verdict


@dataclass(frozen=True)
class Scored:
    """The mean score of one pair, and how far it could be off."""

    group: str
    score: float | None
    """In [-1, 1]; None where it is unrated."""
    doubtful: bool = False
    """A tie only because the judge changed its mind."""


@dataclass(frozen=True)
class Rule:
    """What a verdict is held to."""

    alpha: float = 0.05
    margin: float = 0.05
    resamples: int = 10_000
    seed: int = 0


RULE = Rule()
"""What holds where nothing else is said."""


class Decision(Record):
    """One criterion's figures and verdict."""

    verdict: Verdict
    effect: Interval | None
    """Share won less share lost over the rated pairs; None where none is rated."""
    least: float
    """The mean if base had won every unrated pair."""
    most: float
    """The mean if tuned had."""
    p: float
    p_holm: float
    rated: int
    groups: int
    more_questions: int | None = None
    """Questions that a verdict would probably take in addition; None where it has one or nothing
    can be planned."""


def decide(by_criterion: Sequence[Sequence[Scored]], rule: Rule) -> list[Decision]:
    """The decisions of one family of criteria, with Holm's correction among them."""
    family = []
    for scored in by_criterion:
        rated = [(one.score, one.group) for one in scored if one.score is not None]
        scores, groups = [score for score, _ in rated], [group for _, group in rated]
        family.append(stats.Paired(scores, groups, rule.margin))
    tested = stats.verdicts(family, rule.alpha, rule.resamples, rule.seed)
    return [_decision(*one, rule) for one in zip(by_criterion, family, tested, strict=True)]


def unclaimed(one: Decision) -> Decision:
    """The figures without a verdict: for a run that may claim none."""
    return one.model_copy(update={"verdict": stats.UNPROVED, "more_questions": None})


def _decision(
    scored: Sequence[Scored], paired: stats.Paired, tested: stats.Tested, rule: Rule
) -> Decision:
    won, rated, total = sum(paired.differences), len(paired.differences), max(1, len(scored))
    unknown = len(scored) - rated
    least, most = (won - unknown) / total, (won + unknown) / total
    verdict = tested.verdict
    if (
        (verdict == "better" and least <= 0)
        or (verdict == "worse" and most >= 0)
        or (verdict == "equivalent" and not _same_at_worst(scored, rule))
    ):
        verdict = stats.UNPROVED
    plan = None
    if rated and verdict == stats.UNPROVED:
        plan = stats.needed(paired.differences, paired.groups, rule.margin, rule.alpha)
    return Decision(
        verdict=verdict,
        effect=tested.effect if rated else None,
        least=least,
        most=most,
        p=tested.p,
        p_holm=tested.p_holm,
        rated=rated,
        groups=tested.groups,
        more_questions=(plan.questions or None) if plan else None,
    )


def _same_at_worst(scored: Sequence[Scored], rule: Rule) -> bool:
    """Whether the arms are equivalent whichever way all that is not known would have gone.

    Worst-case bounds (Manski 1989): a judge that flips always calls everything a tie, which must
    not pass for sameness.
    """
    groups = [one.group for one in scored]
    return all(
        stats.equivalent(
            stats.Paired(
                [end if o.doubtful or o.score is None else o.score for o in scored],
                groups,
                rule.margin,
            ),
            0.025,
            rule.resamples,
            rule.seed,
        ).holds
        for end in (-1.0, 1.0)
    )

"""From choices to a verdict for each criterion; shared by judge models and people.

A score is 1 where tuned won, -1 where base won, 0 for a tie; the mean is the share won less the
share lost. What is not known (an unrated pair, a winner that changed with the order) never fills
a mean quietly: a verdict must hold whichever way the unknown would have gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.formats.scores import Interval, Verdict

UNPROVED: Verdict = "not enough evidence"


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


class Decision(BaseModel):
    """One criterion's figures and verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")
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
    plain = [_figures(scored, rule) for scored in by_criterion]
    corrected = stats.holm([one.p for one in plain])
    found = []
    for scored, one, p_holm in zip(by_criterion, plain, corrected, strict=True):
        verdict = _verdict(scored, one, p_holm, rule)
        more = _more(scored, rule) if verdict == UNPROVED else None
        changed = {"verdict": verdict, "p_holm": p_holm, "more_questions": more}
        found.append(one.model_copy(update=changed))
    return found


def unclaimed(one: Decision) -> Decision:
    """The figures without a verdict: for a run that may claim none."""
    return one.model_copy(update={"verdict": UNPROVED, "more_questions": None})


def _figures(scored: Sequence[Scored], rule: Rule) -> Decision:
    rated = [(one.score, one.group) for one in scored if one.score is not None]
    values, groups = [score for score, _ in rated], [group for _, group in rated]
    unknown, total = len(scored) - len(rated), max(1, len(scored))
    return Decision(
        verdict=UNPROVED,
        effect=stats.bca(values, groups, (-1, 1), rule.resamples, rule.seed) if rated else None,
        least=(sum(values) - unknown) / total,
        most=(sum(values) + unknown) / total,
        p=stats.sign_flip(values, groups, rule.resamples, rule.seed) if rated else 1.0,
        p_holm=1.0,
        rated=len(rated),
        groups=len(set(groups)),
    )


def _verdict(scored: Sequence[Scored], one: Decision, p_holm: float, rule: Rule) -> Verdict:
    if one.effect is None:
        return UNPROVED
    found = stats.verdict(one.effect, p_holm, rule.alpha, rule.margin)
    if (found == "better" and one.least <= 0) or (found == "worse" and one.most >= 0):
        return UNPROVED
    if found == "equivalent" and not _same_at_worst(scored, rule):
        return UNPROVED
    return found


def _same_at_worst(scored: Sequence[Scored], rule: Rule) -> bool:
    """Whether the arms are equivalent whichever way all that is not known would have gone.

    Worst-case bounds (Manski 1989): a judge that flips always calls everything a tie, which must
    not pass for sameness.
    """
    return all(
        stats.equivalent(
            [end if o.doubtful or o.score is None else o.score for o in scored],
            [o.group for o in scored],
            rule.margin,
            0.025,
            resamples=rule.resamples,
            seed=rule.seed,
        ).holds
        for end in (-1.0, 1.0)
    )


def _more(scored: Sequence[Scored], rule: Rule) -> int | None:
    rated = [one for one in scored if one.score is not None]
    if not rated:
        return None
    values = [float(one.score or 0.0) for one in rated]
    plan = stats.needed(values, [one.group for one in rated], rule.margin, rule.alpha)
    return plan.questions if plan and plan.questions else None

"""From scored answers to the figures and the verdicts.

Primary family: the recipe's hypotheses on the primary criterion, Holm's correction within it.
Secondary family: tuned against base on each other criterion, Holm's correction within it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton import stats
from kamerton.experiment.design import Design
from kamerton.experiment.generate import Reply
from kamerton.experiment.metrics import CRITERIA, Context, Metric
from kamerton.experiment.metrics.context import context_of
from kamerton.experiment.settings import Criterion, ExperimentSettings, Hypothesis
from kamerton.formats.brief import Order
from kamerton.formats.jsonl import insist_unique
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.scores import Cell, Comparison, Interval, Sample, Verdict
from kamerton.formats.serving import BASE

RIGHT = 0.5
"""A score from here up counts as right where questions are counted."""
UNPROVED: Verdict = "not enough evidence"
SETS: tuple[HeldOut, ...] = ("known", "unknown", "safety")
"""Held-out sets of a guide, in the order in which they are shown."""

Rules = Mapping[Criterion, Metric] | Mapping[str, Metric]
"""Name of a criterion to its function."""


@dataclass(frozen=True)
class Claim:
    """One hypothesis on one criterion, before its figures are known."""

    family: Literal["primary", "secondary"]
    hypothesis: Hypothesis
    criterion: str


@dataclass(frozen=True)
class Pairs:
    """Scores of two arms for the same questions, in the same order."""

    arm: list[float]
    against: list[float]
    groups: list[str]
    cut: float = 0.0
    """Share of the arm's answers that the length limit cut."""
    cut_against: float = 0.0

    @property
    def differences(self) -> list[float]:
        """Arm minus against, for each question."""
        return [a - b for a, b in zip(self.arm, self.against, strict=True)]


def scored(
    questions: Sequence[Question],
    replies: Sequence[Reply],
    names: dict[str, str] | None = None,
    criteria: Mapping[str, Metric] | None = None,
    orders: Mapping[str, Order] | None = None,
) -> list[Sample]:
    """Score the first answer of every arm to every question on all criteria that apply.

    `names`: group to name, of groups that no question is about too. `criteria`: a guide's where
    none are given. `orders`: what advertising texts were ordered by, by the question's id.
    """
    rules = CRITERIA if criteria is None else criteria
    context = context_of(questions, names or {}, orders or {})
    insist_unique((q.id for q in questions), "questions")
    insist_unique(((r.arm, r.question_id, r.round) for r in replies), "answers")
    by_id = {q.id: q for q in questions}
    samples = []
    for reply in (reply for reply in replies if reply.round == 0):
        question = by_id[reply.question_id]
        samples.append(_sample(question, reply, rules, context))
    return samples


def judged(
    rules: Rules,
    question: Question,
    answer: str,
    finish_reason: str,
    context: Context,
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of one answer by all criteria that apply, and the reasons for those below 1."""
    asked = {name: rule(question, answer, finish_reason, context) for name, rule in rules.items()}
    found = {name: score for name, score in asked.items() if score}
    why = {name: reason for name, (_, reason) in found.items() if reason}
    return {name: score for name, (score, _) in found.items()}, why


def _sample(question: Question, reply: Reply, rules: Rules, context: Context) -> Sample:
    scores, why = judged(rules, question, reply.answer, reply.finish_reason, context)
    return Sample(
        arm=reply.arm,
        question_id=question.id,
        held_out=question.held_out,
        group=question.group,
        question=question.question,
        reference=question.answer,
        answer=reply.answer,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        seconds=reply.seconds,
        scores=scores,
        why=why,
    )


def cells(
    samples: Sequence[Sample],
    settings: ExperimentSettings,
    seed: int,
    sets: Sequence[HeldOut] = SETS,
    criteria: Sequence[str] = tuple(CRITERIA),
) -> list[Cell]:
    """Mean and interval of every arm on every criterion of every held-out set."""
    arms = list(dict.fromkeys(sample.arm for sample in samples))
    found = []
    for held_out in sets:
        for criterion in criteria:
            for arm in arms:
                of = [
                    s
                    for s in samples
                    if s.arm == arm and s.held_out == held_out and criterion in s.scores
                ]
                if of:
                    found.append(_cell(arm, held_out, criterion, of, settings.resamples, seed))
    return found


def _cell(
    arm: str,
    held_out: HeldOut,
    criterion: str,
    samples: list[Sample],
    resamples: int,
    seed: int,
) -> Cell:
    groups = [s.group for s in samples]
    values = [s.scores[criterion] for s in samples]
    return Cell(
        arm=arm,
        held_out=held_out,
        criterion=criterion,
        questions=len(samples),
        groups=len(set(groups)),
        score=stats.bootstrap(values, groups, (0.0, 1.0), resamples, seed),
    )


def claims(settings: ExperimentSettings, declared: Sequence[Hypothesis], name: str) -> list[Claim]:
    """Every hypothesis that is tested, both families."""
    primary = [Claim("primary", hypothesis, settings.primary) for hypothesis in declared]
    others = [criterion for criterion in CRITERIA if criterion != settings.primary]
    return primary + [Claim("secondary", _on(criterion, name), criterion) for criterion in others]


def _on(criterion: Criterion, name: str) -> Hypothesis:
    held_out: HeldOut = "safety" if criterion == "safety" else "known"
    return Hypothesis(name=criterion, arm=name, against=BASE, held_out=held_out)


def pairs(samples: Sequence[Sample], claim: Claim) -> Pairs:
    """Scores of the two arms of a claim, question by question."""
    arm, against = (
        {
            s.question_id: s
            for s in samples
            if s.arm == which
            and s.held_out == claim.hypothesis.held_out
            and claim.criterion in s.scores
        }
        for which in (claim.hypothesis.arm, claim.hypothesis.against)
    )
    common = [key for key in arm if key in against]
    return Pairs(
        [arm[key].scores[claim.criterion] for key in common],
        [against[key].scores[claim.criterion] for key in common],
        [arm[key].group for key in common],
        _cut([arm[key] for key in common]),
        _cut([against[key] for key in common]),
    )


def _cut(samples: Sequence[Sample]) -> float:
    return sum(s.finish_reason == "length" for s in samples) / len(samples) if samples else 0.0


def comparisons(
    samples: Sequence[Sample],
    claimed: Sequence[Claim],
    settings: ExperimentSettings,
    on: Design,
    seed: int,
    claims_verdict: bool,
) -> list[Comparison]:
    """Effect, interval, p and verdict of every claim that has questions."""
    found: list[Comparison] = []
    for family in ("primary", "secondary"):
        members = [(c, pairs(samples, c)) for c in claimed if c.family == family]
        members = [(claim, paired) for claim, paired in members if paired.groups]
        ps = [
            stats.sign_flip(p.differences, p.groups, settings.resamples, seed) for _, p in members
        ]
        groups = [len(set(paired.groups)) for _, paired in members]
        lacking = stats.groups_needed(groups, settings.alpha)
        for (claim, paired), p, p_holm, wanted in zip(
            members, ps, stats.holm(ps), lacking, strict=True
        ):
            figures = _comparison(claim, paired, (p, p_holm), settings, on, len(members), seed)
            figures = figures.model_copy(update={"groups_needed": wanted})
            found.append(figures if claims_verdict else _silenced(figures))
    return found


def _silenced(figures: Comparison) -> Comparison:
    return figures.model_copy(update={"verdict": UNPROVED})


def _comparison(
    claim: Claim,
    paired: Pairs,
    p: tuple[float, float],
    settings: ExperimentSettings,
    on: Design,
    family: int,
    seed: int,
) -> Comparison:
    effect = stats.bootstrap(
        paired.differences, paired.groups, (-1.0, 1.0), settings.resamples, seed
    )
    better, worse = _counts(paired)
    return Comparison(
        name=claim.hypothesis.name,
        family=claim.family,
        arm=claim.hypothesis.arm,
        against=claim.hypothesis.against,
        held_out=claim.hypothesis.held_out,
        criterion=claim.criterion,
        verdict=stats.verdict(effect, p[1], settings.alpha, settings.margin),
        effect=effect,
        p=p[0],
        p_holm=p[1],
        mcnemar_p=stats.mcnemar(better, worse),
        questions=len(paired.groups),
        groups=len(set(paired.groups)),
        better=better,
        worse=worse,
        detectable=_detectable(paired, on, family),
        cut=paired.cut,
        cut_against=paired.cut_against,
    )


def _counts(paired: Pairs) -> tuple[int, int]:
    """Questions that only the arm, and only the other one, got right."""
    right = [(a >= RIGHT, b >= RIGHT) for a, b in zip(paired.arm, paired.against, strict=True)]
    return right.count((True, False)), right.count((False, True))


def _detectable(paired: Pairs, on: Design, family: int) -> float:
    groups = len(set(paired.groups))
    return stats.detectable(
        groups,
        len(paired.groups) / groups,
        alpha=on.alpha / family,
        power=on.power,
        discordance=on.discordance,
        correlation=on.correlation,
    )


def interval_of(found: Sequence[Cell], arm: str, held_out: HeldOut, criterion: str) -> Interval:
    """Score of one arm on one criterion of one held-out set."""
    return next(
        cell.score
        for cell in found
        if (cell.arm, cell.held_out, cell.criterion) == (arm, held_out, criterion)
    )

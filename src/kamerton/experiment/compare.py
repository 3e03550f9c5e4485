"""From scored answers to the figures and the verdicts.

Primary family: the recipe's hypotheses on the primary criterion, Holm's correction within it.
Secondary family: tuned against base on each other criterion, Holm's correction within it.
"""

from collections.abc import Mapping, Sequence

from kamerton import stats
from kamerton.experiment import measures
from kamerton.experiment.design import Design
from kamerton.experiment.generate import Reply
from kamerton.experiment.measures import Claim, Measure
from kamerton.experiment.metrics import CRITERIA, Context, Metric
from kamerton.experiment.metrics.context import context_of
from kamerton.experiment.settings import Criterion, ExperimentSettings, Hypothesis
from kamerton.formats.brief import Order
from kamerton.formats.jsonl import insist_unique
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.scores import Cell, Comparison, Interval, Sample
from kamerton.formats.serving import BASE

RIGHT = 0.5
"""A score from here up counts as right where questions are counted."""
SETS: tuple[HeldOut, ...] = ("known", "unknown", "safety")
"""Held-out sets of a guide, in the order in which they are shown."""

Rules = Mapping[Criterion, Metric] | Mapping[str, Metric]
"""Name of a criterion to its function."""


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
        score=stats.interval(values, groups, resamples=resamples, seed=seed),
    )


def claims(settings: ExperimentSettings, declared: Sequence[Hypothesis], name: str) -> list[Claim]:
    """Every hypothesis that is tested, both families."""
    primary = [Claim("primary", hypothesis, settings.primary) for hypothesis in declared]
    others = [criterion for criterion in CRITERIA if criterion != settings.primary]
    return primary + [Claim("secondary", _on(criterion, name), criterion) for criterion in others]


def _on(criterion: Criterion, name: str) -> Hypothesis:
    held_out: HeldOut = "safety" if criterion == "safety" else "known"
    return Hypothesis(name=criterion, arm=name, against=BASE, held_out=held_out)


def measured(samples: Sequence[Sample], claim: Claim, margin: float) -> Measure | None:
    """Scores of the two arms of a claim, question by question; None where no question has both."""
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
    if not common:
        return None
    return Measure(
        name=claim.hypothesis.name,
        criterion=claim.criterion,
        arm=[arm[key].scores[claim.criterion] for key in common],
        against=[against[key].scores[claim.criterion] for key in common],
        groups=[arm[key].group for key in common],
        bounds=(0.0, 1.0),
        widest=1.0,
        margin=margin,
        right=RIGHT,
        cut=_cut([arm[key] for key in common]),
        cut_against=_cut([against[key] for key in common]),
    )


def _cut(samples: Sequence[Sample]) -> float:
    return sum(s.finish_reason == "length" for s in samples) / len(samples)


def comparisons(
    samples: Sequence[Sample],
    claimed: Sequence[Claim],
    settings: ExperimentSettings,
    on: Design,
    seed: int,
    claims_verdict: bool,
) -> list[Comparison]:
    """Effect, interval, p and verdict of every claim that has questions."""
    pairs = [(claim, measured(samples, claim, settings.margin)) for claim in claimed]
    there = [(claim, measure) for claim, measure in pairs if measure is not None]
    return measures.comparisons(there, settings, seed, claims_verdict, on)


def interval_of(found: Sequence[Cell], arm: str, held_out: HeldOut, criterion: str) -> Interval:
    """Score of one arm on one criterion of one held-out set."""
    return next(
        cell.score
        for cell in found
        if (cell.arm, cell.held_out, cell.criterion) == (arm, held_out, criterion)
    )

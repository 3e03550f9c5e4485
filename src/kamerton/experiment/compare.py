"""From scored answers to the figures and the verdicts.

Primary family: the recipe's hypotheses on the primary criterion, Holm's correction within it.
Secondary family: tuned against base on each other criterion, Holm's correction within it.
"""

from collections.abc import Mapping, Sequence

from kamerton import stats
from kamerton.experiment import measures
from kamerton.experiment.criteria import GUIDE
from kamerton.experiment.design import Design
from kamerton.experiment.generate import Reply
from kamerton.experiment.measures import Claim, Measure
from kamerton.experiment.metrics import Context, Metric, Score, criterion
from kamerton.experiment.metrics.context import context_of
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.brief import Order
from kamerton.formats.jsonl import insist_unique
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.scores import Cell, Comparison, Interval, Sample
from kamerton.formats.serving import BASE

SETS: tuple[HeldOut, ...] = ("known", "unknown", "safety")
"""Held-out sets of a guide, in the order in which they are shown."""


def scored(
    questions: Sequence[Question],
    replies: Sequence[Reply],
    names: dict[str, str] | None = None,
    criteria: Sequence[str] = GUIDE,
    orders: Mapping[str, Order] | None = None,
) -> list[Sample]:
    """Score the first answer of every arm to every question on all criteria that apply.

    `names`: group to name, of groups that no question is about too. `criteria`: names of the table.
    `orders`: what advertising texts were ordered by, by the question's id.
    """
    context = context_of(questions, names or {}, orders or {})
    insist_unique((q.id for q in questions), "questions")
    insist_unique(((r.arm, r.question_id, r.round) for r in replies), "answers")
    by_id = {q.id: q for q in questions}
    first = [reply for reply in replies if reply.round == 0]
    asked = [(by_id[r.question_id], r.answer, r.finish_reason) for r in first]
    by_criterion = {name: criterion(name).scores(asked, context) for name in criteria}
    return [
        _sample(
            question,
            reply,
            {name: given for name, those in by_criterion.items() if (given := those[place])},
        )
        for place, ((question, _, _), reply) in enumerate(zip(asked, first, strict=True))
    ]


def judged(
    rules: Mapping[str, Metric],
    question: Question,
    answer: str,
    finish_reason: str,
    context: Context,
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of one answer by all rules that apply, and the reasons for those below 1."""
    given = {name: rule(question, answer, finish_reason, context) for name, rule in rules.items()}
    return _parted({name: score for name, score in given.items() if score})


def _parted(scores: Mapping[str, Score]) -> tuple[dict[str, float], dict[str, str]]:
    why = {name: reason for name, (_, reason) in scores.items() if reason}
    return {name: score for name, (score, _) in scores.items()}, why


def _sample(question: Question, reply: Reply, given: Mapping[str, Score]) -> Sample:
    scores, why = _parted(given)
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
    criteria: Sequence[str] = GUIDE,
) -> list[Cell]:
    """Value and interval of every arm on every criterion of every held-out set."""
    arms = list(dict.fromkeys(sample.arm for sample in samples))
    made = []
    for held_out in sets:
        for name in criteria:
            for arm in arms:
                of = [
                    s
                    for s in samples
                    if s.arm == arm and s.held_out == held_out and name in s.scores
                ]
                if of:
                    made.append(_cell(arm, held_out, name, of, settings.resamples, seed))
    return made


def _cell(
    arm: str, held_out: HeldOut, name: str, samples: list[Sample], resamples: int, seed: int
) -> Cell:
    groups, one = [s.group for s in samples], criterion(name)
    if one.of_corpus:
        sums = one.sums(samples)
        score = stats.corpus_interval(sums, one.value, one.bounds, groups, seed=seed)
    else:
        values = [s.scores[name] for s in samples]
        score = stats.interval(values, groups, one.bounds, resamples, seed)
    return Cell(
        arm=arm,
        held_out=held_out,
        criterion=name,
        questions=len(samples),
        groups=len(set(groups)),
        score=score,
    )


def claims(settings: ExperimentSettings, declared: Sequence[Hypothesis], name: str) -> list[Claim]:
    """Every hypothesis that is tested, both families."""
    primary = [Claim("primary", hypothesis, settings.primary) for hypothesis in declared]
    others = [one for one in settings.guide_criteria if one != settings.primary]
    return primary + [Claim("secondary", _on(one, name), one) for one in others]


def _on(criterion: str, name: str) -> Hypothesis:
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
    ours, theirs = [arm[key] for key in common], [against[key] for key in common]
    one = criterion(claim.criterion)
    return Measure(
        name=claim.hypothesis.name,
        criterion=claim.criterion,
        arm=[s.scores[one.name] for s in ours],
        against=[s.scores[one.name] for s in theirs],
        groups=[s.group for s in ours],
        bounds=one.bounds,
        widest=one.bounds[1] - one.bounds[0],
        margin=margin,
        right=one.right,
        graded=one.right is None,
        cut=_cut(ours),
        cut_against=_cut(theirs),
        corpus=one.corpus(ours, theirs),
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

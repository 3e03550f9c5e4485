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
    samples = []
    for place, ((question, _, _), reply) in enumerate(zip(asked, first, strict=True)):
        scores, why = _parted({name: those[place] for name, those in by_criterion.items()})
        samples.append(
            Sample(
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
        )
    return samples


def judged(
    rules: Mapping[str, Metric],
    question: Question,
    answer: str,
    finish_reason: str,
    context: Context,
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of one answer by all rules that apply, and the reasons for those below 1."""
    return _parted(
        {name: rule(question, answer, finish_reason, context) for name, rule in rules.items()}
    )


def _parted(given: Mapping[str, Score | None]) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of what applies, and the reasons."""
    there = {name: score for name, score in given.items() if score}
    why = {name: reason for name, (_, reason) in there.items() if reason}
    return {name: score for name, (score, _) in there.items()}, why


def cells(
    samples: Sequence[Sample],
    settings: ExperimentSettings,
    seed: int,
    sets: Sequence[HeldOut] = SETS,
    criteria: Sequence[str] = GUIDE,
) -> list[Cell]:
    """Value and interval of every arm on every criterion of every held-out set."""
    by_arm: dict[tuple[HeldOut, str], list[Sample]] = {}
    for sample in samples:
        by_arm.setdefault((sample.held_out, sample.arm), []).append(sample)
    arms = list(dict.fromkeys(sample.arm for sample in samples))
    return [
        _cell(arm, held_out, name, of, settings.resamples, seed)
        for held_out in sets
        for name in criteria
        for arm in arms
        if (of := [s for s in by_arm.get((held_out, arm), []) if name in s.scores])
    ]


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
    claimed = [Claim("primary", hypothesis, settings.primary) for hypothesis in declared]
    for one in settings.guide_criteria:
        if one != settings.primary:
            on: HeldOut = "safety" if one == "safety" else "known"
            hypothesis = Hypothesis(name=one, arm=name, against=BASE, held_out=on)
            claimed.append(Claim("secondary", hypothesis, one))
    return claimed


def measured(samples: Sequence[Sample], claim: Claim, margin: float) -> Measure | None:
    """Scores of the two arms of a claim, question by question; None where no question has both."""
    arm, against = (
        [s for s in samples if s.arm == which and s.held_out == claim.hypothesis.held_out]
        for which in (claim.hypothesis.arm, claim.hypothesis.against)
    )
    ours, theirs = matched(arm, against, claim.criterion)
    if not ours:
        return None
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
        cut=sum(s.finish_reason == "length" for s in ours) / len(ours),
        cut_against=sum(s.finish_reason == "length" for s in theirs) / len(theirs),
        corpus=one.corpus(ours, theirs),
    )


def matched(
    arm: Sequence[Sample], against: Sequence[Sample], name: str
) -> tuple[list[Sample], list[Sample]]:
    """The answers of two arms to the questions that both have a score of, in one order."""
    mine, its = ({s.question_id: s for s in of if name in s.scores} for of in (arm, against))
    common = [key for key in mine if key in its]
    return [mine[key] for key in common], [its[key] for key in common]


def paired(
    ours: Sequence[Sample], theirs: Sequence[Sample], name: str, margin: float
) -> stats.Paired:
    """What a test takes of two arms' answers to the same questions."""
    one = criterion(name)
    widest = one.bounds[1] - one.bounds[0]
    return stats.Paired(
        [a.scores[name] - b.scores[name] for a, b in zip(ours, theirs, strict=True)],
        [s.group for s in ours],
        margin,
        (-widest, widest),
        one.corpus(ours, theirs) if ours else None,
    )


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


def interval_of(of: Sequence[Cell], arm: str, held_out: HeldOut, criterion: str) -> Interval:
    """Score of one arm on one criterion of one held-out set."""
    return next(
        cell.score
        for cell in of
        if (cell.arm, cell.held_out, cell.criterion) == (arm, held_out, criterion)
    )

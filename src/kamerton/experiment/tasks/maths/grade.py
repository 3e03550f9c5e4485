"""Grading answers that are there already: accuracy, vote, unparsed rate and classes of error."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kamerton import stats
from kamerton.experiment.tasks.maths import votes
from kamerton.experiment.tasks.maths.errors import CLASSES, classify
from kamerton.experiment.tasks.maths.extraction import EXTRACTORS, Answer
from kamerton.experiment.tasks.maths.grading import Problem, Problems, answer_of, is_right, problem
from kamerton.experiment.tasks.maths.prompts import shots
from kamerton.experiment.tasks.maths.rows import AnswerRow, Example, Graded, Grading, VoteFigures
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, say
from kamerton.formats.progress import progress
from kamerton.formats.scores import Interval

MOST_UNPARSED = 0.2
"""Above this share of answers without a number the grading fails, loudly."""
EXAMPLES = 3
_EXCERPT = 400


@dataclass(frozen=True)
class _Sample:
    """One answer with what was made of it."""

    asked: Problem
    text: str
    finish_reason: str
    place: int
    answer: Answer

    @property
    def right(self) -> bool:
        return is_right(self.answer, self.asked)


def grade(
    task: str,
    rows: Sequence[AnswerRow],
    problems: Problems,
    most_unparsed: float = MOST_UNPARSED,
    shown: Sequence[str] | None = None,
    seed: int = 0,
    where: str = "",
) -> tuple[Grading, list[Graded]]:
    """Grade `rows` against `problems`: the figures, and every answer as it was read.

    `shown` are the worked examples of the prompt, to find copies of; None takes ours of all
    languages. Raises InputError for a row that names no known problem, or one named twice;
    `where` is the file. It does not raise for `too_many_unparsed`: ask the result.
    """
    if not rows:
        raise InputError("experiment.maths_no_rows", where=where)
    samples = _samples(rows, problems, where)
    texts = _our_shots() if shown is None else tuple(shown)
    graded = [_graded(sample, texts) for question in samples for sample in question]
    return _figures(task, samples, graded, problems, most_unparsed, seed), graded


def _our_shots() -> tuple[str, ...]:
    return tuple(shot.text for language in LANGUAGES for shot in shots(language))


def _samples(rows: Sequence[AnswerRow], problems: Problems, where: str) -> list[list[_Sample]]:
    """The read answers of each row, in order."""
    found: list[list[_Sample]] = []
    seen: set[str] = set()
    with progress(say("experiment.maths_progress"), sum(len(row.answers) for row in rows)) as bar:
        for number, row in enumerate(rows, start=1):
            asked = _asked(row, problems, f"{where}:{number}" if where else str(number))
            if asked.id in seen:
                raise InputError("experiment.maths_twice", where=f"{where}:{number}", id=asked.id)
            seen.add(asked.id)
            found.append(list(_read(row, asked)))
            bar.update(len(row.answers))
    return found


def _asked(row: AnswerRow, problems: Problems, where: str) -> Problem:
    id = None if row.id is None else str(row.id)
    if row.gold is not None:
        return problem(id or str(row.question), row.question or "", str(row.gold), where)
    found = problems.find(id, row.question)
    if found is None:
        named = id if id is not None else str(row.question)[:80]
        raise InputError("experiment.maths_unknown", where=where, named=named)
    return found


def _read(row: AnswerRow, asked: Problem) -> Iterator[_Sample]:
    reasons = row.finish_reasons or [""] * len(row.answers)
    for place, (text, reason) in enumerate(zip(row.answers, reasons, strict=True)):
        yield _Sample(asked, text, reason, place, answer_of(text, asked, reason))


def _graded(sample: _Sample, shown: Sequence[str]) -> Graded:
    answer = sample.answer
    fault = None if sample.right else classify(sample.text, answer, sample.asked, shown)
    return Graded(
        id=sample.asked.id,
        sample=sample.place,
        value=None if answer.value is None else str(answer.value),
        how=answer.how,
        told=answer.told,
        right=sample.right,
        gold=str(sample.asked.gold),
        fault=fault,
    )


def _figures(
    task: str,
    samples: Sequence[Sequence[_Sample]],
    graded: Sequence[Graded],
    problems: Problems,
    most_unparsed: float,
    seed: int,
) -> Grading:
    unparsed = sum(one.value is None for one in graded)
    accuracy, interval = _accuracy(samples, seed)
    classes = Counter(one.fault.kind for one in graded if one.fault)
    return Grading(
        task=task,
        problems=len(problems.all),
        questions=len(samples),
        answers=len(graded),
        right=sum(one.right for one in graded),
        accuracy=accuracy,
        interval=interval,
        unparsed=unparsed,
        unparsed_share=unparsed / len(graded),
        most_unparsed=most_unparsed,
        vote=_vote(samples, seed) if max(map(len, samples)) > 1 else None,
        extractors=_extractors(samples),
        read_by=dict(Counter(one.how for one in graded).most_common()),
        classes={kind: classes[kind] for kind in sorted(CLASSES, key=lambda kind: -classes[kind])},
        operators=_operators(graded),
        examples=_examples(samples, graded),
    )


def _accuracy(samples: Sequence[Sequence[_Sample]], seed: int) -> tuple[Interval, str]:
    if max(map(len, samples)) == 1:
        right = sum(question[0].right for question in samples)
        return stats.wilson(right, len(samples)), "wilson"
    # The mean over questions, so that a question with more samples does not count for more.
    shares = [sum(one.right for one in question) / len(question) for question in samples]
    return _over_questions(samples, shares, seed), "bootstrap over questions"


def _over_questions(
    samples: Sequence[Sequence[_Sample]], scores: Sequence[float], seed: int
) -> Interval:
    ids = [question[0].asked.id for question in samples]
    return stats.bootstrap(scores, ids, (0.0, 1.0), seed=seed)


def _vote(samples: Sequence[Sequence[_Sample]], seed: int) -> VoteFigures:
    values: list[list[Fraction | None]] = [[one.answer.value for one in q] for q in samples]
    golds = [question[0].asked.gold for question in samples]
    found = [votes.vote(of) for of in values]
    scores = [vote.score(gold) for vote, gold in zip(found, golds, strict=True)]
    return VoteFigures(
        accuracy=_over_questions(samples, scores, seed),
        with_samples=votes.resampled(values, golds, seed=seed),
        ties=sum(vote.tied for vote in found),
        no_vote=sum(not vote.leaders for vote in found),
        curve=votes.curve(values, golds, seed),
        needed=sum(map(votes.needed, values)) / len(values),
    )


def _extractors(samples: Sequence[Sequence[_Sample]]) -> dict[str, float]:
    every = [one for question in samples for one in question]
    right = {"declared": sum(one.right for one in every)}
    for name, extract in EXTRACTORS.items():
        if name != "declared":
            right[name] = sum(
                is_right(extract(one.text, one.asked.question, one.finish_reason), one.asked)
                for one in every
            )
    return {name: count / len(every) for name, count in right.items()}


def _operators(graded: Sequence[Graded]) -> dict[str, int]:
    signs = Counter(
        sign
        for one in graded
        if one.fault and one.fault.kind == "arithmetic"
        for sign in one.fault.operators
    )
    return dict(signs.most_common())


def _examples(
    samples: Sequence[Sequence[_Sample]], graded: Sequence[Graded]
) -> dict[str, list[Example]]:
    """The first few wrong answers of each class, shortened."""
    texts = [one.text for question in samples for one in question]
    found: dict[str, list[Example]] = defaultdict(list)
    for text, one in zip(texts, graded, strict=True):
        if one.fault and len(found[one.fault.kind]) < EXAMPLES:
            found[one.fault.kind].append(
                Example(
                    id=one.id,
                    sample=one.sample,
                    value=one.value,
                    gold=one.gold,
                    detail=one.fault.detail,
                    answer=text.strip()[:_EXCERPT],
                )
            )
    return dict(found)

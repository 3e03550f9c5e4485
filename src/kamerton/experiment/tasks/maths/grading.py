"""Grading answers to mathematics: accuracy, vote, unparsed rate, classes of error, in words too."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kamerton import stats
from kamerton.experiment.scorers.pass_at_k import KS, insist_on_samples, pass_at, pass_at_lines
from kamerton.experiment.tasks.maths import votes
from kamerton.experiment.tasks.maths.extraction import EXTRACTORS, Answer, declared
from kamerton.experiment.tasks.maths.problems import (
    CLASSES,
    Fault,
    Problem,
    Problems,
    classify,
    is_right,
    problem,
)
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.scores import Interval

MOST_UNPARSED = 0.2
"""Above this share of answers without a number the grading fails, loudly."""
_EXAMPLES, _EXCERPT = 3, 400
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_POINTS = (1, 2, 3, 5, 8, 10, 16, 20, 32, 40, 64)


class AnswerRow(BaseModel):
    """The answers to one question: one, or many samples."""

    model_config = ConfigDict(frozen=True, extra="allow")
    id: str | int | None = None
    """Of the problem; where the problems have no ids, its place in their file, from 0."""
    question: str | None = None
    """The question itself, where there is no id."""
    answers: list[str] = Field(min_length=1)
    finish_reasons: list[str] = []
    """Of each answer, where known: `length` is an answer that was cut."""
    gold: str | int | float | None = None
    """The true answer, where the row brings its own problem."""

    @model_validator(mode="after")
    def _names_a_problem(self) -> "AnswerRow":
        if self.id is None and not (self.question or "").strip():
            raise ValueError("a row needs an id or a question")
        if self.finish_reasons and len(self.finish_reasons) != len(self.answers):
            raise ValueError("finish_reasons: one for each answer, or none")
        return self


class Graded(BaseModel):
    """One answer, as it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    value: str | None
    """The number as an exact fraction (`18`, `7/2`); None where none was read."""
    how: str
    """Which step of the declared extractor read it."""
    told: str
    """The words that were read."""
    right: bool
    gold: str
    fault: Fault | None = None


class VoteFigures(BaseModel):
    """Self-consistency over the samples of each question."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    accuracy: Interval
    """Interval over questions, the samples as they are."""
    with_samples: Interval
    """The same with the sample sets drawn again too."""
    ties: int
    """Questions where several numbers had most votes."""
    no_vote: int
    """Questions where all samples abstained."""
    by_extractor: dict[str, float]
    """Accuracy of the vote under each extractor; `declared` is the one that scores."""
    curve: list[float]
    """Expected accuracy of a vote of 1, 2, … samples."""
    needed: float
    """Mean number of samples until the vote could not change any more."""


class Example(BaseModel):
    """A wrong answer, to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    value: str | None
    gold: str
    detail: str
    answer: str


class Grading(BaseModel):
    """Everything that one grading found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    problems: int
    """Problems of the task; those without a row are not counted as wrong."""
    questions: int
    answers: int
    right: int
    accuracy: Interval
    """Share of right answers; Wilson's interval for one answer each, else a bootstrap."""
    interval: str
    """How it was made, as `Interval.kind`."""
    unparsed: int
    """Answers without a number, looped and cut ones included."""
    unparsed_share: float
    most_unparsed: float
    """The declared limit; above it the extraction is not to be trusted."""
    vote: VoteFigures | None = None
    """None where each question has one answer."""
    pass_at: dict[int, Interval] = {}
    """k to the unbiased pass@k, mean over questions; empty where each has one answer."""
    extractors: dict[str, float]
    """Accuracy under each extractor; `declared` is the one that scores."""
    read_by: dict[str, int]
    """How many answers each step of the declared extractor read."""
    classes: dict[str, int]
    """Wrong answers by class of error, most frequent first."""
    operators: dict[str, int]
    """False equations by their sign, most frequent first."""
    examples: dict[str, list[Example]]
    """A few wrong answers of each class."""

    @property
    def too_many_unparsed(self) -> bool:
        """Whether the unparsed share is above the declared limit."""
        return self.unparsed_share > self.most_unparsed

    @property
    def complaint(self) -> str:
        """Why the figures are not to be trusted; empty where they are."""
        if not self.too_many_unparsed:
            return ""
        share, most = f"{100 * self.unparsed_share:.2f}", f"{100 * self.most_unparsed:g}"
        return say("experiment.maths_too_many_unparsed", share=share, most=most)


@dataclass(frozen=True)
class _Sample:
    """One answer with what was read in it."""

    asked: Problem
    text: str
    finish_reason: str
    place: int
    answer: Answer

    @property
    def right(self) -> bool:
        return is_right(self.answer, self.asked)


_Samples = Sequence[Sequence[_Sample]]
_Answers = Sequence[Sequence[Answer]]
"""Of each question, in order."""


def grade(
    task: str,
    rows: Sequence[AnswerRow],
    problems: Problems,
    shots: Sequence[str] = (),
    most_unparsed: float = MOST_UNPARSED,
    seed: int = 0,
    where: str = "",
    ks: Sequence[int] | None = (),
) -> tuple[Grading, list[Graded]]:
    """Grade `rows` against `problems`: the figures, and every answer as it was read.

    `shots` are the worked examples of the prompt, to find copies of; `ks` the k of pass@k, empty
    for the usual ones and for all samples, None for no pass@k (where votes ended early). Raises
    InputError for a row that names no known problem, or one named twice; `where` is the file. It
    does not raise for too many unparsed answers: ask the result.
    """
    if not rows:
        raise InputError("experiment.maths_no_rows", where=where)
    samples = _samples(rows, problems, where)
    every = [one for question in samples for one in question]
    graded = [_graded(one, shots) for one in every]
    unparsed = sum(one.value is None for one in graded)
    faults = [one.fault for one in graded if one.fault]
    classes = Counter(fault.kind for fault in faults)
    signs = (sign for fault in faults if fault.kind == "arithmetic" for sign in fault.operators)
    many = max(map(len, samples)) > 1
    fewest = min(map(len, samples))
    ids = [question[0].asked.id for question in samples]
    rights = [[one.right for one in question] for question in samples]
    usual = [k for k in (*KS, fewest) if 1 < k <= fewest]
    chosen = () if ks is None else insist_on_samples(ks, fewest) or insist_on_samples(usual, fewest)
    accuracy = stats.interval([sum(one) / len(one) for one in rights], ids, seed=seed)
    answers = {name: _read_by(name, samples) for name in EXTRACTORS}
    figures = Grading(
        task=task,
        problems=len(problems.all),
        questions=len(samples),
        answers=len(graded),
        right=sum(one.right for one in graded),
        # The mean over questions, so that a question with more samples does not count for more.
        accuracy=accuracy,
        interval=accuracy.kind,
        unparsed=unparsed,
        unparsed_share=unparsed / len(graded),
        most_unparsed=most_unparsed,
        vote=_vote(samples, answers, seed) if many else None,
        pass_at=pass_at(rights, ids, chosen, seed) if many else {},
        extractors={name: _accuracy_by(samples, read) for name, read in answers.items()},
        read_by=dict(Counter(one.how for one in graded).most_common()),
        classes={kind: classes[kind] for kind in sorted(CLASSES, key=lambda kind: -classes[kind])},
        operators=dict(Counter(signs).most_common()),
        examples=_examples(every, graded),
    )
    return figures, graded


def _samples(rows: Sequence[AnswerRow], problems: Problems, where: str) -> list[list[_Sample]]:
    """The read answers of each row, in order."""
    samples: dict[str, list[_Sample]] = {}
    with progress(say("experiment.maths_progress"), sum(len(row.answers) for row in rows)) as bar:
        for number, row in enumerate(rows, start=1):
            asked = _asked(row, problems, f"{where}:{number}" if where else str(number))
            if asked.id in samples:
                raise InputError("experiment.maths_twice", where=f"{where}:{number}", id=asked.id)
            reasons = row.finish_reasons or [""] * len(row.answers)
            # Half of a character, which no file could hold, says no number either.
            texts = [_SURROGATE.sub("\ufffd", text) for text in row.answers]
            samples[asked.id] = [
                _Sample(asked, text, reason, place, declared(text, asked.question, reason))
                for place, (text, reason) in enumerate(zip(texts, reasons, strict=True))
            ]
            bar.update(len(row.answers))
    return list(samples.values())


def _asked(row: AnswerRow, problems: Problems, where: str) -> Problem:
    id = None if row.id is None else str(row.id)
    if row.gold is not None:
        return problem(id or str(row.question), row.question or "", str(row.gold), where)
    asked = problems.find(id, row.question)
    if asked is None:
        named = id if id is not None else str(row.question)[:80]
        raise InputError("experiment.maths_unknown", where=where, named=named)
    return asked


def _graded(sample: _Sample, shots: Sequence[str]) -> Graded:
    answer, asked = sample.answer, sample.asked
    return Graded(
        id=asked.id,
        sample=sample.place,
        value=None if answer.value is None else str(answer.value),
        how=answer.how,
        told=answer.words,
        right=sample.right,
        gold=str(asked.gold),
        fault=None if sample.right else classify(sample.text, answer, asked, shots),
    )


def _vote(samples: _Samples, answers: dict[str, _Answers], seed: int) -> VoteFigures:
    golds = [question[0].asked.gold for question in samples]
    ids = [question[0].asked.id for question in samples]
    values = {
        name: [[one.value for one in question] for question in read]
        for name, read in answers.items()
    }
    by_extractor = {
        name: [votes.vote(v).score(gold) for v, gold in zip(of, golds, strict=True)]
        for name, of in values.items()
    }
    declared_values = values["declared"]
    of_questions = [votes.vote(question) for question in declared_values]
    return VoteFigures(
        accuracy=stats.interval(by_extractor["declared"], ids, seed=seed),
        with_samples=votes.resampled(declared_values, golds, seed=seed),
        ties=sum(vote.tied for vote in of_questions),
        no_vote=sum(not vote.leaders for vote in of_questions),
        by_extractor={name: sum(scores) / len(scores) for name, scores in by_extractor.items()},
        curve=votes.curve(declared_values, golds, seed),
        needed=sum(map(votes.needed, declared_values)) / len(declared_values),
    )


def _read_by(extractor: str, samples: _Samples) -> _Answers:
    if extractor == "declared":
        return [[one.answer for one in question] for question in samples]
    extract = EXTRACTORS[extractor]
    return [
        [extract(one.text, one.asked.question, one.finish_reason) for one in question]
        for question in samples
    ]


def _accuracy_by(samples: _Samples, read: _Answers) -> float:
    rights = [
        is_right(answer, question[0].asked)
        for question, answers in zip(samples, read, strict=True)
        for answer in answers
    ]
    return sum(rights) / len(rights)


def _examples(samples: Sequence[_Sample], graded: Sequence[Graded]) -> dict[str, list[Example]]:
    """The first few wrong answers of each class, shortened."""
    examples: dict[str, list[Example]] = {}
    for sample, one in zip(samples, graded, strict=True):
        of_class = examples.setdefault(one.fault.kind, []) if one.fault else None
        if one.fault and of_class is not None and len(of_class) < _EXAMPLES:
            excerpt, detail = sample.text.strip()[:_EXCERPT], one.fault.detail
            shown = one.model_dump(include={"id", "sample", "value", "gold"})
            of_class.append(Example(**shown, detail=detail, answer=excerpt))
    return examples


def lines(grading: Grading) -> list[str]:
    """What a person reads of a grading, in the language in force, one statement a line."""
    asked, problems = grading.questions, grading.problems
    by = say(f"experiment.interval_{grading.interval}")
    right = {"right": grading.right, "answers": grading.answers, "interval": by}
    unparsed = {"count": grading.unparsed, "share": f"{100 * grading.unparsed_share:.2f}"}
    return [
        say("experiment.maths_asked", task=grading.task, n=asked, all=problems),
        say("experiment.maths_accuracy", accuracy=_percent(grading.accuracy), **right),
        *(_vote_lines(grading.vote) if grading.vote else []),
        *pass_at_lines(grading.pass_at),
        say("experiment.maths_unparsed", **unparsed),
        say("experiment.maths_extractors", others=_by_extractor(grading.extractors)),
        *_fault_lines(grading),
    ]


def _vote_lines(vote: VoteFigures) -> list[str]:
    points = [n for n in _POINTS if n < len(vote.curve)] + [len(vote.curve)]
    curve = ", ".join(f"{n}: {100 * vote.curve[n - 1]:.2f} %" for n in points)
    return [
        say("experiment.maths_vote", accuracy=_percent(vote.accuracy)),
        say("experiment.maths_vote_extractors", others=_by_extractor(vote.by_extractor)),
        say("experiment.maths_vote_samples", accuracy=_percent(vote.with_samples)),
        say("experiment.maths_ties", ties=vote.ties, none=vote.no_vote),
        say("experiment.maths_curve", curve=curve),
        say("experiment.maths_needed", needed=f"{vote.needed:.1f}"),
    ]


def _by_extractor(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * share:.2f} %" for name, share in shares.items())


def _fault_lines(grading: Grading) -> list[str]:
    """The classes of error with counts, most frequent first, and the sign that fails most."""
    wrong = grading.answers - grading.right
    if not wrong:
        return []
    said = [say("experiment.maths_wrong", wrong=wrong)]
    for kind, count in grading.classes.items():
        if count:
            name, first = say(f"experiment.maths_class_{kind}"), grading.examples[kind][0]
            example = ""
            if first.detail and kind != "plan":
                why = detail(kind, first.detail)
                example = say("experiment.maths_example", id=first.id, detail=why)
            said.append(f"  {count:5d}  {100 * count / wrong:4.1f} %  {name}{example}")
    for sign, count in list(grading.operators.items())[:1]:
        name = say(f"experiment.maths_sign_{_SIGNS[sign]}")
        false = grading.classes["arithmetic"]
        said.append(say("experiment.maths_worst_sign", sign=name, count=count, all=false))
    return said


def detail(kind: str, evidence: str) -> str:
    """What an example of a class of error is about: why nothing was read is said in words."""
    read = kind not in ("unparsed", "looped_or_cut")
    return evidence if read or not evidence else say(f"experiment.maths_why_{evidence}")


def _percent(share: Interval) -> str:
    low, high = f"{100 * share.low:.2f}", f"{100 * share.high:.2f}"
    return say("experiment.maths_percent", mean=f"{100 * share.mean:.2f}", low=low, high=high)

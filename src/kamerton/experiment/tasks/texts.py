"""Texts against references: summaries, translations, short answers; scorers by name, intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kamerton.experiment.scorers import SCORERS, Scored, Scorer
from kamerton.experiment.scorers.bertscore import PACKAGED, bertscore
from kamerton.experiment.scorers.scored import interval
from kamerton.experiment.tasks.tables import (
    IDS,
    QUESTIONS,
    REFERENCES,
    Answered,
    Columns,
    read_answers,
    read_table,
)
from kamerton.experiment.tasks.task import Options, Outcome, Task
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.scores import Interval

SCITLDR = "scitldr/test.jsonl"
"""SciTLDR (Cachola et al. 2020): one-sentence summaries of papers, several references each."""
DEFAULT = ("rouge", "chrf")
ALIASES: dict[str, tuple[str, ...]] = {
    "rouge": ("rouge1", "rouge2", "rougeL"),
    "exact": ("exact_match",),
}
"""Short names for what a user means most."""
_PERCENT = 100.0


class Score(Record):
    """One scorer on all answers."""

    scorer: str
    value: Interval | None
    """None where the measure applies to no answer (an English encoder on Russian texts)."""
    interval: str = ""
    """How the interval was made."""
    higher_is_better: bool
    highest: float
    """The largest value that is possible: 1 for shares, 100 for BLEU and chrF."""
    answers: int
    not_applicable: int
    """Answers that the measure does not apply to; no mean counts them."""
    parts: dict[str, float | None]
    signature: str


class TextGraded(Record):
    """One answer with its scores."""

    id: str
    sample: int
    scores: dict[str, float | None]
    """None: the measure does not apply to this answer."""


class TextGrading(Record):
    """Everything that one grading of texts found."""

    task: str
    questions: int
    answers: int
    groups: int
    references: int
    """Rows of references; those without an answer are not counted as bad."""
    scores: list[Score]


@dataclass(frozen=True)
class Texts:
    """Answers with their references, one of each for each sample."""

    answers: Sequence[str]
    references: Sequence[Sequence[str]]
    groups: Sequence[str]
    """What each answer is about; the unit of the intervals."""


def choose(names: Sequence[str], encoder: str = "") -> list[Scorer]:
    """The scorers of some names. InputError for an unknown one, with those that there are."""
    chosen: dict[str, Scorer] = {}
    for written in names:
        for name in ALIASES.get(written, (written,)):
            if name not in SCORERS:
                known = ", ".join([*ALIASES, *SCORERS])
                raise InputError("experiment.grade_scorer", scorer=written, known=known)
            chosen[name] = SCORERS[name]
    if encoder and "bertscore" not in chosen:
        raise InputError("experiment.grade_encoder", encoder=encoder)
    if "bertscore" in chosen:
        chosen["bertscore"] = bertscore(encoder or PACKAGED)
    return list(chosen.values())


def score_all(scorers: Sequence[Scorer], texts: Texts, seed: int) -> list[tuple[Score, Scored]]:
    """Every scorer on all texts, with progress."""
    scores = []
    with progress(say("experiment.grade_scoring"), len(scorers)) as bar:
        for scorer in scorers:
            bar.set_postfix_str(scorer.name, refresh=False)
            scored = scorer.score(texts.answers, texts.references)
            scores.append((_figures(scorer, scored, texts, seed), scored))
            bar.update(1)
    return scores


def _figures(scorer: Scorer, scored: Scored, texts: Texts, seed: int) -> Score:
    value = interval(scorer, scored, texts.answers, texts.references, texts.groups, seed)
    return Score(
        scorer=scorer.name,
        value=value,
        interval=value.kind if value else "",
        higher_is_better=scorer.higher_is_better,
        highest=scorer.bounds[1],
        answers=len(scored.items),
        not_applicable=sum(item is None for item in scored.items),
        parts=scored.totals,
        signature=scored.signature,
    )


def score_lines(scores: Sequence[Score]) -> list[str]:
    """Each score with its interval and signature, two lines each; all on a scale up to 100."""
    width = max((len(one.scorer) for one in scores), default=0)
    return [
        f"{name}  {line}"
        for one in scores
        for name, line in ((one.scorer.ljust(width), _value(one)), (" " * width, one.signature))
    ]


def _value(one: Score) -> str:
    if one.value is None:
        return say("experiment.grade_no_value", count=one.not_applicable)
    scale = _PERCENT / one.highest
    mean, low, high = (
        f"{scale * end:.2f}" for end in (one.value.mean, one.value.low, one.value.high)
    )
    line = say("experiment.grade_value", value=mean, low=low, high=high)
    if one.not_applicable:
        line += say("experiment.grade_left_out", count=one.not_applicable, all=one.answers)
    return line


def grade_texts(task: Task, answers: Path, options: Options) -> Outcome:
    """Score texts by the chosen scorers against the references of --data, or of their own rows.

    Where the task has a published set, its references are taken if no others are given. Several
    samples of a question all count, clustered in the intervals; of several references the best one
    counts. Raises InputError where an answer has no reference.
    """
    scorers = choose(options.scorers or DEFAULT, options.encoder)
    if task.dataset:
        options = replace(options, data=task.data(options))
    rows = read_answers(answers, options.columns, references=options.data is None)
    elsewhere = None if options.data is None else _references(options.data, options.columns)
    references = [_of(row, elsewhere) for row in rows]
    texts = Texts(
        [text for row in rows for text in row.answers],
        [those for row, those in zip(rows, references, strict=True) for _ in row.answers],
        [row.group for row in rows for _ in row.answers],
    )
    scores = score_all(scorers, texts, options.seed)
    count = len(rows) if elsewhere is None else sum(kind == "id" for kind, _ in elsewhere)
    grading = TextGrading(
        task=task.name,
        questions=len(rows),
        answers=len(texts.answers),
        groups=len(set(texts.groups)),
        references=count,
        scores=[score for score, _ in scores],
    )
    samples = [(row.id or row.question, n) for row in rows for n in range(len(row.answers))]
    items = [
        TextGraded(
            id=id, sample=sample, scores={score.scorer: s.items[place] for score, s in scores}
        )
        for place, (id, sample) in enumerate(samples)
    ]
    counts = {"n": grading.questions, "all": grading.references, "answers": grading.answers}
    head = say("experiment.grade_asked", task=task.name, **counts)
    sums = {
        one.name: partial(one.additive.rows, texts.answers, texts.references)
        for one in scorers
        if one.additive is not None
    }
    told = (head, *score_lines(grading.scores))
    return Outcome(told, grading.model_dump(), items, groups=texts.groups, sums=sums)


References = Mapping[tuple[str, str], tuple[str, ...]]
"""References by ("id", id) and by ("question", question)."""


def _references(path: Path, columns: Columns) -> References:
    table = read_table(path)
    # The chosen id column is that of the answers; here it counts where this table has it too.
    id_column = table.column("id", "", (columns.id, *IDS))
    question = table.column("question", "", QUESTIONS)
    # Answers of people are references here, whatever their column is called.
    reference = table.required("reference", columns.reference, (*REFERENCES, "answer"))
    references: dict[tuple[str, str], tuple[str, ...]] = {}
    for number, line in enumerate(table.lines):
        key = ("id", line.key(id_column, number))
        if key in references:
            raise InputError("experiment.grade_id_twice", where=line.where, id=key[1])
        references[key] = line.texts(reference, many=True)
        if question is not None and question in line.cells:
            references["question", line.optional(question)] = references[key]
    return references


def _of(row: Answered, elsewhere: References | None) -> tuple[str, ...]:
    if elsewhere is None:
        if not row.references:
            raise InputError("experiment.grade_no_reference", where=row.where)
        return row.references
    key = ("id", row.id) if row.id else ("question", row.question)
    if key not in elsewhere:
        raise InputError("experiment.grade_unknown", where=row.where, named=row.name)
    return elsewhere[key]

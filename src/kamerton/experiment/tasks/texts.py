"""Texts against references: summaries, translations, short answers in a user's own table."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.scorers import Scored
from kamerton.experiment.tasks.answers import IDS, QUESTIONS, REFERENCES, Answered, read_answers
from kamerton.experiment.tasks.asking import Options, Outcome
from kamerton.experiment.tasks.scores import Score, Texts, choose, lines, score_all
from kamerton.experiment.tasks.tables import Line, column, no_column, read_table
from kamerton.experiment.tasks.tables import texts as cell
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

DEFAULT = ("rouge", "chrf")


class TextGraded(BaseModel):
    """One answer with its scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    scores: dict[str, float | None]
    """None: the measure does not apply to this answer."""


class TextGrading(BaseModel):
    """Everything that one grading of texts found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    questions: int
    answers: int
    groups: int
    references: int
    """Rows of references; those without an answer are not counted as bad."""
    scores: list[Score]


def grade_against(task: str, answers: Path, options: Options) -> Outcome:
    """Score texts by the chosen scorers against the references of --data, or of their own rows.

    Several samples of a question all count, and hang together in the intervals. Raises InputError
    where an answer has no reference.
    """
    scorers = choose(options.scorers or DEFAULT, options.encoder)
    rows = read_answers(answers, options.columns, references=options.data is None)
    known = _references(options) if options.data is not None else None
    references = [_of(row, known) for row in rows]
    texts = Texts(
        [text for row in rows for text in row.answers],
        [those for row, those in zip(rows, references, strict=True) for _ in row.answers],
        [row.group for row in rows for _ in row.answers],
    )
    found = score_all(scorers, texts, options.seed)
    grading = TextGrading(
        task=task,
        questions=len(rows),
        answers=len(texts.answers),
        groups=len(set(texts.groups)),
        references=len(rows) if known is None else sum(kind == "id" for kind, _ in known),
        scores=[score for score, _ in found],
    )
    items = _items(rows, {score.scorer: scored for score, scored in found})
    return Outcome(tuple(_words(grading)), grading.model_dump(), items)


Known = dict[tuple[str, str], tuple[str, ...]]
"""References by ("id", id) and by ("question", question)."""


def _references(options: Options) -> Known:
    assert options.data is not None
    path, columns = options.data, options.columns
    table = read_table(path)
    # The chosen id column is that of the answers; here it counts where this table has it too.
    id = column(table, "", (columns.id, *IDS), "", path)
    question = column(table, "", QUESTIONS, "", path)
    reference = _reference_column(table, columns.reference, path)
    found: Known = {}
    for number, line in enumerate(table):
        those = cell(line, reference, many=True)
        keys = [("id", cell(line, id)[0].strip() if id in line.cells and id else str(number))]
        if question and question in line.cells:
            keys.append(("question", cell(line, question)[0].strip()))
        if keys[0] in found:
            raise InputError("experiment.grade_id_twice", where=line.where, id=keys[0][1])
        found.update(dict.fromkeys(keys, those))
    return found


def _reference_column(table: Sequence[Line], chosen: str, path: Path) -> str:
    # Answers of people are references here, whatever their column is called.
    found = column(table, chosen, (*REFERENCES, "answer"), "--reference-column", path)
    if found is None:
        raise no_column(table, "reference", "--reference-column", path)
    return found


def _of(row: Answered, known: Known | None) -> tuple[str, ...]:
    if known is None:
        if not row.references:
            raise InputError("experiment.grade_no_reference", where=row.where)
        return row.references
    key = ("id", row.id) if row.id else ("question", row.question)
    if key not in known:
        raise InputError("experiment.grade_unknown", where=row.where, named=key[1][:80])
    return known[key]


def _items(rows: Sequence[Answered], found: dict[str, Scored]) -> list[TextGraded]:
    places = [
        (row.id or row.question, number) for row in rows for number in range(len(row.answers))
    ]
    return [
        TextGraded(
            id=id,
            sample=sample,
            scores={name: scored.items[place] for name, scored in found.items()},
        )
        for place, (id, sample) in enumerate(places)
    ]


def _words(found: TextGrading) -> list[str]:
    head = say(
        "experiment.grade_asked",
        task=found.task,
        n=found.questions,
        all=found.references,
        answers=found.answers,
    )
    return [head, *lines(found.scores)]

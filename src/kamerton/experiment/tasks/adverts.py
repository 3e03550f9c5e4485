"""Advertising texts against their briefs: the share that each criterion gives, and the faults."""

from collections.abc import Sequence
from pathlib import Path

from kamerton import stats
from kamerton.experiment.compare import judged
from kamerton.experiment.metrics import RIGHT
from kamerton.experiment.metrics.advert import ADVERT
from kamerton.experiment.metrics.context import Context
from kamerton.experiment.metrics.form import role_marks, script
from kamerton.experiment.report.words import reason
from kamerton.experiment.tasks.tables import read_answers
from kamerton.experiment.tasks.task import Options, Outcome, Task
from kamerton.formats.brief import Order, read_orders
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.questions import Question
from kamerton.formats.scores import Interval

CRITERIA = {"script": script, "role_marks": role_marks} | ADVERT
_SHOWN = 100


class AdvertGraded(Record):
    """One text with its scores; a criterion that does not apply is absent."""

    id: str
    sample: int
    product: str
    scores: dict[str, float]
    why: dict[str, str]
    """Criterion to the reason for a score below 1: a code, or `code: what`."""


class OverAll(Record):
    """One criterion over all texts that it applies to."""

    name: str
    texts: int
    score: Interval
    """Mean in [0, 1], with its 95 % interval by bootstrap over products."""
    faults: int
    """Texts with less than a half of what they could have."""
    example: str
    """Id of the first of them, with its reason; empty where there are none."""


class AdvertGrading(Record):
    """Everything that one grading of advertising texts found."""

    task: str
    briefs: int
    asked: int
    """Briefs with an answer; the others are not counted as bad."""
    texts: int
    products: int
    criteria: list[OverAll]
    whole: Interval
    """Share of texts with at least a half by every criterion."""


def grade_adverts(task: Task, answers: Path, options: Options) -> Outcome:
    """Score texts by the criteria of `metrics.advert`, of their script and of role markers.

    `options.data` are the briefs, `formats.brief.Order` a line. InputError where they are not
    said, and for an answer to none of them.
    """
    if options.data is None:
        raise InputError("experiment.grade_no_briefs")
    orders = read_orders(options.data)
    rows = read_answers(answers, options.columns, references=False)
    for row in rows:
        if row.id not in orders:
            named = {"named": row.name, "briefs": str(options.data)}
            raise InputError("experiment.grade_no_brief", where=row.where, **named)
    items = [
        _graded(row.id, sample, text, orders)
        for row in rows
        for sample, text in enumerate(row.answers)
    ]
    sound = [float(all(score >= RIGHT for score in item.scores.values())) for item in items]
    grading = AdvertGrading(
        task=task.name,
        briefs=len(orders),
        asked=len(rows),
        texts=len(items),
        products=len({item.product for item in items}),
        criteria=[one for name in CRITERIA if (one := _over_all(name, items, options.seed))],
        whole=_mean(items, sound, options.seed),
    )
    return Outcome(tuple(_lines(grading)), grading.model_dump(), items)


def _graded(id: str, sample: int, text: str, orders: dict[str, Order]) -> AdvertGraded:
    brief = orders[id].brief
    # What the client said stands for the request: its script is that of the text.
    said = "\n".join((brief.task, brief.audience, brief.tone, *brief.facts))
    asked = Question(id=id, question=said, answer="", group=brief.product, held_out="rows")
    scores, why = judged(CRITERIA, asked, text, "", Context({}, orders))
    return AdvertGraded(id=id, sample=sample, product=brief.product, scores=scores, why=why)


def _over_all(name: str, items: Sequence[AdvertGraded], seed: int) -> OverAll | None:
    of = [item for item in items if name in item.scores]
    if not of:
        return None
    faults = [item for item in of if item.scores[name] < RIGHT]
    return OverAll(
        name=name,
        texts=len(of),
        score=_mean(of, [item.scores[name] for item in of], seed),
        faults=len(faults),
        example=f"{faults[0].id}: {reason(faults[0].why[name])}" if faults else "",
    )


def _mean(items: Sequence[AdvertGraded], values: list[float], seed: int) -> Interval:
    products = [item.product for item in items]
    return stats.interval(values, products, seed=seed)


def _lines(grading: AdvertGrading) -> list[str]:
    counts = {"n": grading.asked, "all": grading.briefs, "answers": grading.texts}
    head = say("experiment.grade_asked", task=grading.task, **counts)
    names = [say(f"experiment.criterion_{one.name}") for one in grading.criteria]
    width = max(map(len, names))
    lines = [f"{head}; {say('experiment.grade_products', products=grading.products)}"]
    for name, one in zip(names, grading.criteria, strict=True):
        lines.append(f"{name.ljust(width)}  {_value(one.score)}")
        if one.example:
            counts = {"count": one.faults, "all": one.texts}
            example = say("experiment.grade_fault", **counts, first=one.example)
            lines.append(f"{'':{width}}  {example[:_SHOWN]}")
    return [*lines, f"{say('experiment.grade_whole').ljust(width)}  {_value(grading.whole)}"]


def _value(score: Interval) -> str:
    mean, low, high = (f"{100 * end:.1f}" for end in (score.mean, score.low, score.high))
    return say("experiment.grade_value", value=mean, low=low, high=high)

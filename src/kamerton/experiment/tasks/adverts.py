"""Advertising texts against their briefs: the share that each criterion gives, and the faults."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.compare import RIGHT, judged
from kamerton.experiment.metrics import ADVERT
from kamerton.experiment.metrics.context import Context
from kamerton.experiment.metrics.role_marks import role_marks
from kamerton.experiment.metrics.script import script
from kamerton.experiment.report.words import reason
from kamerton.experiment.tasks.answers import Answered, read_answers
from kamerton.experiment.tasks.asking import Options, Outcome
from kamerton.formats.brief import Order, read_orders
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.questions import Question
from kamerton.formats.scores import Interval

CRITERIA = {"script": script, "role_marks": role_marks} | ADVERT
RESAMPLES = 10_000
_SHOWN = 100


class AdvertGraded(BaseModel):
    """One text with its scores; a criterion that does not apply is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    product: str
    scores: dict[str, float]
    why: dict[str, str]
    """Criterion to the reason for a score below 1: a code, or `code: what`."""


class OverAll(BaseModel):
    """One criterion over all texts that it applies to."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    texts: int
    score: Interval
    """Mean in [0, 1], with its 95 % interval by bootstrap over products."""
    faults: int
    """Texts with less than a half of what they could have."""
    example: str
    """Id of the first of them, with its reason; empty where there are none."""


class AdvertGrading(BaseModel):
    """Everything that one grading of advertising texts found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    briefs: int
    asked: int
    """Briefs with an answer; the others are not counted as bad."""
    texts: int
    products: int
    criteria: list[OverAll]
    whole: Interval
    """Share of texts with at least a half by every criterion."""


def grade_adverts(task: str, answers: Path, options: Options) -> Outcome:
    """Score texts by the criteria of `metrics.advert`, of their script and of role markers.

    `options.data` are the briefs, `formats.brief.Order` a line. InputError where they are not
    said, and for an answer to none of them.
    """
    if options.data is None:
        raise InputError("experiment.grade_no_briefs")
    orders = read_orders(options.data)
    rows = read_answers(answers, options.columns, references=False)
    _insist_ordered(rows, orders, options.data)
    items = [
        _graded(row.id, sample, text, orders)
        for row in rows
        for sample, text in enumerate(row.answers)
    ]
    found = AdvertGrading(
        task=task,
        briefs=len(orders),
        asked=len(rows),
        texts=len(items),
        products=len({item.product for item in items}),
        criteria=[one for name in CRITERIA if (one := _over_all(name, items, options.seed))],
        whole=_whole(items, options.seed),
    )
    return Outcome(tuple(_words(found)), found.model_dump(), items)


def _insist_ordered(rows: Sequence[Answered], orders: dict[str, Order], briefs: Path) -> None:
    for row in rows:
        if row.id not in orders:
            named = {"named": (row.id or row.question)[:80], "briefs": str(briefs)}
            raise InputError("experiment.grade_no_brief", where=row.where, **named)


def _graded(id: str, sample: int, text: str, orders: dict[str, Order]) -> AdvertGraded:
    asked, context = _question(orders[id]), Context({}, orders)
    scores, why = judged(CRITERIA, asked, text, "", context)
    product = orders[id].brief.product
    return AdvertGraded(id=id, sample=sample, product=product, scores=scores, why=why)


def _question(order: Order) -> Question:
    """What the client said stands for the request: its script is that of the text."""
    brief = order.brief
    said = "\n".join((brief.task, brief.audience, brief.tone, *brief.facts))
    return Question(id=order.id, question=said, answer="", group=brief.product, held_out="rows")


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


def _whole(items: Sequence[AdvertGraded], seed: int) -> Interval:
    sound = [float(all(score >= RIGHT for score in item.scores.values())) for item in items]
    return _mean(items, sound, seed)


def _mean(items: Sequence[AdvertGraded], values: list[float], seed: int) -> Interval:
    products = [item.product for item in items]
    return stats.bootstrap(values, products, (0.0, 1.0), RESAMPLES, seed)


def _words(found: AdvertGrading) -> list[str]:
    counts = {"n": found.asked, "all": found.briefs, "answers": found.texts}
    head = say("experiment.grade_asked", task=found.task, **counts)
    width = max(len(say(f"experiment.criterion_{one.name}")) for one in found.criteria)
    return [
        f"{head}; {say('experiment.grade_products', products=found.products)}",
        *(line for one in found.criteria for line in _lines(one, width)),
        f"{say('experiment.grade_whole').ljust(width)}  {_value(found.whole)}",
    ]


def _lines(one: OverAll, width: int) -> list[str]:
    name = say(f"experiment.criterion_{one.name}").ljust(width)
    told = [f"{name}  {_value(one.score)}"]
    if one.example:
        example = say("experiment.grade_fault", count=one.faults, all=one.texts, first=one.example)
        told.append(f"{'':{width}}  {example[:_SHOWN]}")
    return told


def _value(score: Interval) -> str:
    figures = [f"{100 * end:.1f}" for end in (score.mean, score.low, score.high)]
    return say("experiment.grade_value", value=figures[0], low=figures[1], high=figures[2])

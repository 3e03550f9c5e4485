"""Whether held-out questions stand in the training rows or in the index.

The rule of `phrasing` sets: a held-out prompt that equals a training prompt, or shares eight
words in a row with one, is a leak; equal answers are not, they are what is taught. A group's own
name counts as one word there: both wordings must name the exhibit. `group` sets: every level
blocks. An index of source texts is no leak; one that holds the wording of held-out questions is.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.guide.split import Plan
from kamerton.formats.chat import ChatRow
from kamerton.formats.matching import words
from kamerton.formats.questions import Question

FILE = "leaks.json"
GRAM = 8


class Leak(BaseModel):
    """One held-out question and where it was seen."""

    model_config = ConfigDict(frozen=True)
    question_id: str
    level: str
    """`exact`, `8-gram`, `group` or `index`."""
    seen_in: str


class LeakReport(BaseModel):
    """What blocks a verdict, and what is only told."""

    model_config = ConfigDict(frozen=True)
    blocking: list[Leak]
    printed: list[Leak]
    checked: dict[str, int]


def find(plan: Plan) -> LeakReport:
    """All leaks of a plan."""
    rows = [(row.id, _question(row)) for row in plan.train if len(row.messages) > 1]
    blocking = [
        *_prompts(plan.held_out, rows),
        *_groups(plan),
        *_index(plan),
    ]
    checked = {"train": len(plan.train), "held_out": len(plan.held_out)}
    return LeakReport(blocking=blocking, printed=[], checked=checked)


def _question(row: ChatRow) -> str:
    """The question of a training row, without a passage put before it."""
    return row.prompt.rsplit("\n\n", 1)[-1]


def _prompts(questions: Iterable[Question], rows: list[tuple[str, str]]) -> Iterable[Leak]:
    questions = list(questions)
    asked = [(row_id, f" {' '.join(words(text))}") for row_id, text in rows]
    for name in {question.group_name for question in questions}:
        grams = {gram: row_id for row_id, text in rows for gram in _grams(text, name)}
        for question in (q for q in questions if q.group_name == name):
            text = f" {' '.join(words(question.question))}"
            same = [row_id for row_id, other in asked if other.endswith(text)]
            shared = [grams[g] for g in _grams(question.question, name) if g in grams]
            if same:
                yield Leak(question_id=question.id, level="exact", seen_in=min(same))
            elif shared:
                yield Leak(question_id=question.id, level="8-gram", seen_in=min(shared))


def _groups(plan: Plan) -> Iterable[Leak]:
    """A group held out whole may not have a single training row."""
    trained = {row.group: row.id for row in plan.train}
    for question in plan.unknown:
        if question.group in trained:
            seen = trained[question.group]
            yield Leak(question_id=question.id, level="group", seen_in=seen)


def _index(plan: Plan) -> Iterable[Leak]:
    texts = [(passage.id, " ".join(words(passage.text))) for passage in plan.passages]
    for question in plan.held_out:
        wording = " ".join(words(question.question))
        for passage_id, text in texts:
            if len(wording.split()) >= 4 and f" {wording} " in f" {text} ":
                yield Leak(question_id=question.id, level="index", seen_in=passage_id)


def _grams(text: str, name: str) -> set[tuple[str, ...]]:
    """Runs of eight words; `name` is one word."""
    whole, own = f" {' '.join(words(text))} ", " ".join(words(name))
    tokens = (whole.replace(f" {own} ", " <name> ") if own else whole).split()
    return {tuple(tokens[i : i + GRAM]) for i in range(len(tokens) - GRAM + 1)}

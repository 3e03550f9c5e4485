"""One evaluation of a model on problems of maths: asked, graded, written to a folder.

The folder has `replies.jsonl` (the ledger), `answers.jsonl` (what `kamerton grade` reads),
`graded.jsonl` (every answer as it was read), `results.json` and `report.html`, and the same figures
in lm-evaluation-harness's form (`results_<time>.json`, `samples_<task>_<time>.jsonl`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask.asking import REPLIES, Asked, How, Prompt, Reply, ask_all
from kamerton.experiment.ask.harness import write_harness
from kamerton.experiment.tasks.maths.grade import grade
from kamerton.experiment.tasks.maths.grading import Problem, Problems, answer_of, is_right
from kamerton.experiment.tasks.maths.prompts import prompt, shots, stops
from kamerton.experiment.tasks.maths.rows import AnswerRow, Grading
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import Language
from kamerton.formats.manifest import digest

ANSWERS, GRADED, RESULTS, PAGE = "answers.jsonl", "graded.jsonl", "results.json", "report.html"


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated, and how."""

    task: str
    title: str
    """The model as a reader calls it."""
    language: Language = "en"
    """Of the worked examples in the prompt."""
    shots: int = 8
    how: How = field(default_factory=How)
    max_unparsed: float = 0.2
    limit: int | None = None
    """Ask only the first so many problems; None: all."""


class Results(BaseModel):
    """`results.json`: the figures, and all that they depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    model: str
    fingerprint: str
    """Of weights and tokenizer."""
    prompts: str
    """Digest of all prompts as they were sent."""
    language: str
    shots: int
    settings: dict[str, object]
    cached: int
    """Replies that an earlier start had left."""
    prompt_tokens: int
    """Of all questions, each counted once."""
    completion_tokens: int
    grading: Grading


def evaluate(what: Evaluation, problems: Sequence[Problem], model: Model, out: Path) -> Results:
    """Ask, grade and write; a second start asks only what the first one left open.

    Raises InputError when the server is gone or refuses a prompt; what it answered is kept.
    """
    known = {problem.id: problem for problem in problems}
    prompts = [
        Prompt(one.id, prompt(one.question, what.language, what.shots))
        for one in problems[: what.limit]
    ]
    how = _with_stops(what)

    def read(reply: Reply) -> tuple[Fraction | None, bool]:
        answer = answer_of(reply.text, known[reply.id], reply.finish_reason)
        return answer.value, is_right(answer, known[reply.id])

    asked = ask_all(model, prompts, how, Ledger(out / REPLIES, Reply, "key"), read)
    rows = [_row(replies) for replies in asked.replies.values()]
    shown = [shot.text for shot in shots(what.language)[: what.shots]]
    found, graded = grade(
        what.task, rows, Problems(problems), what.max_unparsed, shown, seed=how.seed
    )
    results = _results(what, model, prompts, asked, found)
    write_rows(out / ANSWERS, rows)
    write_rows(out / GRADED, graded)
    write_text(out / RESULTS, results.model_dump_json(indent=2) + "\n")
    write_harness(results, problems, prompts, rows, graded, out)
    return results


def _with_stops(what: Evaluation) -> How:
    given = asdict(what.how)
    return How(**(given | {"stops": what.how.stops or tuple(stops(what.language))}))


def _row(replies: Sequence[Reply]) -> AnswerRow:
    return AnswerRow(
        id=replies[0].id,
        answers=[reply.text for reply in replies],
        finish_reasons=[reply.finish_reason for reply in replies],
    )


def _results(
    what: Evaluation, model: Model, prompts: Sequence[Prompt], asked: Asked, found: Grading
) -> Results:
    replies = list(asked.replies.values())
    settings: dict[str, object] = asdict(_with_stops(what))
    settings["stops"] = list(_with_stops(what).stops)
    return Results(
        task=what.task,
        model=what.title,
        fingerprint=model.fingerprint,
        prompts=digest(*(one.text for one in prompts)),
        language=what.language,
        shots=what.shots,
        settings=settings,
        cached=asked.cached,
        prompt_tokens=sum(question[0].prompt_tokens for question in replies),
        completion_tokens=sum(one.completion_tokens for question in replies for one in question),
        grading=found,
    )

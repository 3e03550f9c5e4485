"""`kamerton eval gsm8k` and `maths`: problems with worked examples, votes, causes of error."""

from typing import TYPE_CHECKING

from kamerton.cli.evaluating.asked import Asked, Run, Task
from kamerton.cli.evaluating.telling import tell, tell_where
from kamerton.formats.language import say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.evaluate import Evaluation, Results
    from kamerton.experiment.tasks.maths.grading import Problem

SHOTS = 8


def prepare(asked: Asked) -> Run:
    """Read the problems; InputError for what cannot be asked."""
    from kamerton.experiment.ask.evaluate import Evaluation

    problems = _problems(asked)
    shots = SHOTS if asked.shots is None else asked.shots
    what = Evaluation(
        asked.task,
        asked.title,
        asked.language,
        shots,
        asked.how,
        asked.max_unparsed,
        asked.limit,
    )
    return lambda model: _run(what, problems, asked, model)


def _problems(asked: Asked) -> "list[Problem]":
    from kamerton.experiment.tasks.asking import Options, place
    from kamerton.experiment.tasks.gsm8k import PUBLISHED
    from kamerton.experiment.tasks.maths.grading import read_problems

    published = PUBLISHED if asked.task == "gsm8k" else ""
    return read_problems(place(asked.task, published, Options(data=asked.data)))


def _run(what: "Evaluation", problems: "list[Problem]", asked: Asked, model: "Model") -> int:
    from kamerton.experiment.ask.evaluate import evaluate
    from kamerton.experiment.ask.page import write_page

    results = evaluate(what, problems, model, asked.out)
    write_page(results, asked.out)
    return _show(results, asked)


def _show(results: "Results", asked: Asked) -> int:
    from kamerton.experiment.ask.evaluate import PAGE
    from kamerton.experiment.tasks.maths.words import lines

    found = results.grading
    tell(results, lines(found), asked.as_json)
    if results.settings["early"]:
        note(say("experiment.ask_early_note"))
    tell_where(results.cached, asked.out / PAGE)
    if not found.too_many_unparsed:
        return 0
    share, most = f"{100 * found.unparsed_share:.2f}", f"{100 * found.most_unparsed:g}"
    note(say("experiment.maths_too_many_unparsed", share=share, most=most))
    return 1


TASK = Task(
    prepare,
    frozenset(
        ["samples", "temperature", "early", "prompts", "shots", "max_tokens", "max_unparsed"]
    ),
)

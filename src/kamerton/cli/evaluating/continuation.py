"""`kamerton eval continuation`: beginnings continued, to be read side by side."""

from typing import TYPE_CHECKING

from kamerton.cli.evaluating.asked import Asked, Run, Task
from kamerton.cli.evaluating.telling import tell, tell_where

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.continuation.beginnings import Beginning
    from kamerton.experiment.ask.continuation.evaluate import Continuing


def prepare(asked: Asked) -> Run:
    """Read the beginnings; InputError names line and column of what cannot be used."""
    from kamerton.experiment.ask.continuation.beginnings import read_beginnings
    from kamerton.experiment.ask.continuation.evaluate import Continuing

    names = asked.columns
    beginnings = read_beginnings(asked.file, names.text, names.id)
    what = Continuing(asked.title, asked.how, asked.limit)
    return lambda model: _run(what, beginnings, asked, model)


def _run(what: "Continuing", beginnings: "list[Beginning]", asked: Asked, model: "Model") -> int:
    from kamerton.experiment.ask.continuation.evaluate import evaluate
    from kamerton.experiment.ask.continuation.words import lines
    from kamerton.experiment.ask.score_page import continuation_page

    results, rows = evaluate(what, beginnings, model, asked.out)
    page = continuation_page(results, rows, asked.out)
    tell(results, lines(results), asked.as_json)
    tell_where(results.cached, page)
    return 0


TASK = Task(
    prepare, frozenset(["samples", "temperature", "max_tokens", "id_column", "text_column"])
)

"""`kamerton eval choice`: multiple choice from a user's own table."""

from typing import TYPE_CHECKING

from kamerton.cli.evaluating.asked import Asked, Run, Task
from kamerton.cli.evaluating.telling import tell, tell_where

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.choice.evaluate import Choosing
    from kamerton.experiment.ask.choice.table import Items


def prepare(asked: Asked) -> Run:
    """Read the questions; InputError names line and column of what cannot be used."""
    from kamerton.experiment.ask.choice.evaluate import Choosing, check
    from kamerton.experiment.ask.choice.table import Columns, read_items

    names = asked.columns
    columns = Columns(names.id, names.question, names.answer, names.group)
    table = read_items(asked.file, columns, asked.count_from)
    what = Choosing(
        asked.title, asked.language, asked.shots or 0, asked.letters, asked.limit, asked.seed
    )
    check(what, table)
    return lambda model: _run(what, table, asked, model)


def _run(what: "Choosing", table: "Items", asked: Asked, model: "Model") -> int:
    from kamerton.experiment.ask.choice.evaluate import evaluate
    from kamerton.experiment.ask.choice.words import lines
    from kamerton.experiment.ask.score_page import choice_page

    results = evaluate(what, table, model, asked.out)
    page = choice_page(results, asked.out)
    tell(results, lines(results), asked.as_json)
    tell_where(results.cached, page)
    return 0


TASK = Task(
    prepare,
    frozenset(
        [
            "prompts",
            "shots",
            "letters",
            "count_from",
            "id_column",
            "question_column",
            "answer_column",
            "group_column",
        ]
    ),
)

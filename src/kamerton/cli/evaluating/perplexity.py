"""`kamerton eval perplexity`: how well a model foresees texts."""

from typing import TYPE_CHECKING

from kamerton.cli.evaluating.asked import Asked, Run, Task
from kamerton.cli.evaluating.telling import tell, tell_where

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.perplexity.documents import Document
    from kamerton.experiment.ask.perplexity.evaluate import Foreseeing


def prepare(asked: Asked) -> Run:
    """Read the texts; InputError names file, line and column of what cannot be used."""
    from kamerton.experiment.ask.perplexity.documents import Columns, read_documents
    from kamerton.experiment.ask.perplexity.evaluate import Foreseeing

    names = asked.columns
    documents = read_documents(asked.file, Columns(names.id, names.text, names.group))
    what = Foreseeing(asked.title, asked.window, asked.overlap, asked.limit, asked.seed)
    return lambda model: _run(what, documents, asked, model)


def _run(what: "Foreseeing", documents: "list[Document]", asked: Asked, model: "Model") -> int:
    from kamerton.experiment.ask.perplexity.evaluate import evaluate
    from kamerton.experiment.ask.perplexity.words import lines
    from kamerton.experiment.ask.score_page import perplexity_page

    results = evaluate(what, documents, model, asked.out)
    page = perplexity_page(results, asked.out)
    tell(results, lines(results), asked.as_json)
    tell_where(results.cached, page)
    return 0


TASK = Task(prepare, frozenset(["window", "overlap", "id_column", "text_column", "group_column"]))

"""`kamerton data search`: what retrieval finds for a query, and how sure it is."""

from typing import Annotated

import typer

from kamerton.app.public import search as find
from kamerton.cli.words import print_json, table
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.retrieval import DEFAULT, How


def search(
    run: Annotated[str, typer.Argument(help="cli.search_arg_run")],
    query: Annotated[str, typer.Argument(help="cli.search_arg_query")],
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="cli.search_opt_count")] = 5,
    how: Annotated[How, typer.Option(help="cli.search_opt_how")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print the passages of a run's index that suit a query, best first."""
    hits = find(run, query, count, how)
    if as_json:
        print_json(hits.rows)
    elif hits:
        typer.echo(table(hits.cells))
    else:
        note(say("cli.search_nothing"))

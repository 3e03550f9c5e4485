"""`kamerton data search`: what retrieval finds for a query, and how sure it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kamerton.cli.words import print_json, table
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.retrieval import DEFAULT, META, How
from kamerton.pipeline.folder import read_run, resolve_run

if TYPE_CHECKING:
    from kamerton.retrieval.search import Hit


def search(
    run: Annotated[str, typer.Argument(help="cli.search_arg_run")],
    query: Annotated[str, typer.Argument(help="cli.search_arg_query")],
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="cli.search_opt_count")] = 5,
    how: Annotated[How, typer.Option(help="cli.search_opt_how")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print the passages of a run's index that suit a query, best first."""
    hits = _hits(_index(run), query, count, how)
    if as_json:
        print_json([_row(rank, hit) for rank, hit in enumerate(hits, start=1)])
    elif hits:
        typer.echo(table([_line(rank, hit) for rank, hit in enumerate(hits, start=1)]))
    else:
        note(say("cli.search_nothing"))


def _index(run: str) -> Path:
    """The folder of an index: itself, beside a dataset or an exported model, or a run's."""
    for folder in (Path(run), Path(run) / "index"):
        if (folder / META).is_file():
            return folder
    place = resolve_run(run)
    folder = read_run(place).stage(place, "data") / "index"
    if not (folder / META).is_file():
        raise InputError("cli.search_no_index", where=str(place))
    return folder


def _hits(folder: Path, query: str, count: int, how: How) -> "list[Hit]":
    from kamerton.retrieval.search import ForeignIndex
    from kamerton.retrieval.search import search as find

    try:
        return find(folder, query, count, how)
    except ForeignIndex as error:
        raise InputError(
            "serve.index_encoder", where=error.where, has=error.has, wanted=error.wanted
        ) from error


def _row(rank: int, hit: "Hit") -> dict[str, Any]:
    chunk = hit.chunk.model_dump(include={"id", "title", "text", "source", "start", "end"})
    return {"rank": rank, "score": hit.score, **chunk}


def _line(rank: int, hit: "Hit") -> tuple[str, ...]:
    return str(rank), f"{hit.score:.4f}", hit.chunk.id, " ".join(hit.chunk.text.split())

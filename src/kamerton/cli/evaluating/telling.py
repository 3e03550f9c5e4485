"""The end of an evaluation: figures on stdout, the way to the page on stderr."""

from collections.abc import Sequence
from pathlib import Path

import typer
from pydantic import BaseModel

from kamerton.cli.words import print_json
from kamerton.formats.language import say
from kamerton.formats.progress import note


def tell(results: BaseModel, lines: Sequence[str], as_json: bool) -> None:
    """The figures, for programs or for people."""
    if as_json:
        print_json(results.model_dump())
    else:
        typer.echo("\n".join(lines))


def tell_where(cached: int, page: Path) -> None:
    """What was there from an earlier start, and where the page lies."""
    if cached:
        note(say("experiment.ask_from_before", count=cached))
    note(say("experiment.ask_page", page=page))

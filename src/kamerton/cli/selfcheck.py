"""`kamerton selfcheck`: what is known to be true, derived again on this machine, offline."""

import time
from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.words import print_json, table


def selfcheck(
    everything: Annotated[bool, typer.Option("--all", help="cli.selfcheck_opt_all")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="cli.selfcheck_opt_only")] = None,
    data: Annotated[Path | None, typer.Option(help="cli.selfcheck_opt_data")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print found beside expected; exit 1 if anything is missed. Skipped is no miss, and said."""
    from kamerton.experiment.selfcheck import Setting, figures, folder, notes, rows, run

    started = time.monotonic()
    found = list(run(Setting(folder(data), everything), only or ()))
    if as_json:
        print_json(figures(found, time.monotonic() - started))
    else:
        typer.echo(table(rows(found)))
        typer.echo("\n".join(notes(found)))
    if any(one.status == "miss" for one in found):
        raise typer.Exit(1)

"""`kamerton rating make|read`: people compare two answers blind, and their files come back."""

from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.help import SUBCOMMANDS
from kamerton.cli.words import print_json, tell_again
from kamerton.formats.language import say
from kamerton.formats.serving import BASE

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


@app.command("make", help="cli.help_rating_make")
def make(
    run: Annotated[str, typer.Argument(help="cli.arg_run_arm")],
    folder: Annotated[Path | None, typer.Argument(help="cli.rating_arg_folder")] = None,
    against: Annotated[str, typer.Option(help="cli.opt_against_arm")] = BASE,
    criterion: Annotated[list[str] | None, typer.Option(help="cli.opt_criterion")] = None,
    held_out: Annotated[list[str] | None, typer.Option(help="cli.opt_held_out")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="cli.opt_count")] = None,
    seed: Annotated[int, typer.Option(help="cli.rating_opt_seed")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Write the sheet and the page to hand round, and the key into the run's folder."""
    from kamerton.app.judging import hand_round
    from kamerton.experiment.rating.sheet import CSV, KEY, PAGE

    key, target, out = hand_round(
        run, folder, against, criterion or [], held_out or [], count, seed
    )
    made = {"page": target / PAGE, "sheet": target / CSV, "key": out / KEY}
    counts = {"shown": len(key.items), "identical": len(key.identical), "sheet_id": key.sheet}
    if as_json:
        print_json({name: str(path) for name, path in made.items()} | counts)
        return
    typer.echo(say("cli.rating_made", **made, **counts))


@app.command("read", help="cli.help_rating_read")
def read_back(
    run: Annotated[str, typer.Argument(help="cli.arg_run_arm")],
    files: Annotated[list[Path], typer.Argument(help="cli.rating_arg_files")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Read the raters' files, and print their agreement and the verdicts."""
    from kamerton.app.judging import read_ratings
    from kamerton.experiment.rating.verdict import FILE
    from kamerton.experiment.report.feedback import of_people

    place, why, report = read_ratings(run, files)
    tell_again(place, why, report, of_people(report), FILE, as_json)

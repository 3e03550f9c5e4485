"""`kamerton rating make|read`: people compare two answers blind, and their files come back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.cli.words import SUBCOMMANDS, print_json, tell_again
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.serving import BASE

if TYPE_CHECKING:
    from kamerton.app.runs import Place
    from kamerton.experiment.rating.sheet import Key
    from kamerton.experiment.settings import Criterion

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)
FOLDER = "rating"


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
    from kamerton.app.runs import place_of, read
    from kamerton.experiment.finished import chosen
    from kamerton.experiment.judge.pairs import pairs_of
    from kamerton.experiment.rating.sheet import hand_out

    place = place_of(run)
    found = read(place)
    both = chosen(found.of() + found.of(against), held_out or [], count, found.seed)
    pairs = pairs_of(both, found.arm, against)
    target = folder or place.out / FOLDER
    key = hand_out(pairs, target, place.out, seed, _criteria(criterion))
    _tell_made(key, target, place, as_json)


@app.command("read", help="cli.help_rating_read")
def read_back(
    run: Annotated[str, typer.Argument(help="cli.arg_run_arm")],
    files: Annotated[list[Path], typer.Argument(help="cli.rating_arg_files")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Read the raters' files, and print their agreement and the verdicts."""
    from kamerton.app.runs import place_of, read
    from kamerton.experiment.finished import why_no_claim
    from kamerton.experiment.judge.decide import Rule
    from kamerton.experiment.rating.choices import write_choices
    from kamerton.experiment.rating.sheet import KEY
    from kamerton.experiment.rating.verdict import FILE, rate
    from kamerton.experiment.report.feedback import of_people

    place = place_of(run)
    found = read(place)
    key, on = place.out / KEY, found.settings
    if not key.is_file():
        raise InputError("cli.rating_no_sheet", where=str(place.out), run=run)
    why = why_no_claim([found])
    rule = Rule(on.alpha, on.margin, on.resamples, found.seed)
    report = rate(files, key, place.out, rule, claims=not why)
    write_choices(files, key, place.out)
    tell_again(place, why, report, of_people(report), FILE, as_json)


def _criteria(given: list[str] | None) -> "list[Criterion]":
    """The criteria that people are asked about; InputError for one that there is not."""
    from kamerton.experiment.judge.settings import CRITERIA

    for name in given or []:
        if name not in CRITERIA:
            raise InputError("cli.no_such_criterion", name=name, known=", ".join(CRITERIA))
    return [name for name in CRITERIA if not given or name in given]


def _tell_made(key: "Key", target: Path, place: "Place", as_json: bool) -> None:
    from kamerton.experiment.rating.sheet import CSV, KEY, PAGE

    made = {"page": target / PAGE, "sheet": target / CSV, "key": place.out / KEY}
    counts = {"shown": len(key.items), "identical": len(key.identical), "sheet_id": key.sheet}
    if as_json:
        print_json({name: str(path) for name, path in made.items()} | counts)
        return
    typer.echo(say("cli.rating_made", **made, **counts))

"""`kamerton run`: make what a recipe describes; `kamerton stage`: one stage of it, as run does."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.cli.words import print_json
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.formats.pretraining import PRETRAINING
from kamerton.formats.progress import note
from kamerton.formats.scores import SUMMARY
from kamerton.formats.table import aligned
from kamerton.pipeline.folder import read_run
from kamerton.pipeline.graph import select, state_words

if TYPE_CHECKING:
    from kamerton.app.run import Made, Plan

REPORT, CARD, TABLE = "report.html", "card.html", "table.txt"


def run(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    preset: Annotated[str | None, typer.Option(help="cli.opt_preset")] = None,
    only: Annotated[str | None, typer.Option(help="cli.opt_only")] = None,
    start: Annotated[str | None, typer.Option("--from", help="cli.opt_from")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.opt_set")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.opt_dry_run")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="cli.opt_fresh")] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="cli.opt_deterministic")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Run the stages that are not done, then show what came out."""
    from kamerton.app.chain import chain, link
    from kamerton.app.recipe import find
    from kamerton.app.run import make, plan_run

    given = tuple(sets or ()) + (("deterministic=true",) if deterministic else ())
    first = link(find(recipe), preset, given)
    for one in [first] if only or start else chain(first):
        planned = plan_run(one, ahead=dry_run)
        if dry_run:
            select(planned.stages, only, start)
            _show_plan(planned, as_json)
            continue
        made = make(planned, only, start, fresh)
        if made.run:
            _show(made.run, made.ran, as_json)
        else:
            _show_stage(planned, str(only), made, as_json)


def stage(
    name: Annotated[str, typer.Argument(help="cli.arg_stage")],
    job: Annotated[str, typer.Argument(help="cli.arg_job")],
) -> None:
    """Run one stage in this process, as `kamerton run` starts it."""
    from kamerton.app.jobs import run_stage
    from kamerton.app.stages import Job
    from kamerton.formats.manifest import StageName
    from kamerton.pipeline.child import die_with_parent

    die_with_parent()
    run_stage(StageName(name), Job.model_validate_json(job))


def _show(place: Path, ran: Sequence[str], as_json: bool) -> None:
    if as_json:
        _print_figures(place)
        return
    if not ran:
        note(say("cli.nothing_to_do"))
    pages = sorted(place.glob(f"*{REPORT}"))
    if not pages:
        from kamerton.app.results import Run

        typer.echo(Run(place).table)
        typer.echo(say("cli.card_lies", path=place / CARD))
        return
    record = read_run(place)
    typer.echo(read_text(record.stage(place, "report") / TABLE))
    for page in pages:
        typer.echo(say("cli.report_lies", path=page))
    if "compare" in (name.does for name in record.folders(place)):
        from kamerton.app.next_step import for_a_verdict

        for line in for_a_verdict(place):
            typer.echo(line)
    if "export" in record.stages:
        typer.echo(say("cli.next_serve", name=place.parent.name))


def _print_figures(place: Path) -> None:
    """The comparison's summary, by adapter where there are several; else what else was made."""
    several = {p.name.removesuffix(f".{SUMMARY}"): p for p in sorted(place.glob(f"*.{SUMMARY}"))}
    if several:
        print_json({name: json.loads(read_text(path)) for name, path in several.items()})
        return
    made = (place / name for name in (SUMMARY, PRETRAINING, "card.json"))
    sys.stdout.write(read_text(next(path for path in made if path.is_file())))


def _show_stage(planned: "Plan", only: str, made: "Made", as_json: bool) -> None:
    (folder,) = [item.folder for item in planned.stages if item.name == only]
    if as_json:
        print_json({"stage": only, "ran": bool(made.ran), "folder": str(folder)})
        return
    if not made.ran:
        note(say("cli.nothing_to_do"))
    typer.echo(str(folder))


def _show_plan(planned: "Plan", as_json: bool) -> None:
    """The resolved plan with what it will cost and what it can show; nothing is run."""
    from kamerton.app.checks import ahead
    from kamerton.app.recipe import value_at

    counts, told = ahead(planned)
    origins = planned.origins
    states = {str(item.name): str(item.state) for item in planned.stages}
    tree = planned.recipe.model_dump(mode="json")
    if as_json:
        print_json({"recipe": tree, "origins": origins, "stages": states} | counts)
        return
    rows = [(name, str(value_at(tree, name)), _origin(text)) for name, text in origins.items()]
    typer.echo(aligned([row for row in rows if not row[0].startswith("presets")]))
    typer.echo("")
    of = planned.stages
    typer.echo(aligned([(item.name, state_words(item.state), str(item.folder)) for item in of]))
    typer.echo("\n" + "\n".join(told))


def _origin(text: str) -> str:
    """Where a value comes from: the recipe, a preset of it, or `--set`."""
    kind, _, name = text.partition(" ")
    return text if kind == "--set" else say(f"cli.origin_{kind}", name=name)

"""`kamerton run`: make the trip that a recipe describes; running again is resuming."""

import json
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from kamerton.app import recipe as recipes
from kamerton.app.checks import figures, lines
from kamerton.app.following import following
from kamerton.app.starts import started
from kamerton.app.trip import Job, command, results, stages
from kamerton.cli.words import print_json, table
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.pretraining import PRETRAINING
from kamerton.formats.progress import note
from kamerton.formats.scores import SUMMARY
from kamerton.pipeline import folder as folders
from kamerton.pipeline.execute import execute, forget
from kamerton.pipeline.graph import Planned, State, plan, select, state_of

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
    given = tuple(sets or ()) + (("deterministic=true",) if deterministic else ())
    asked = _Asked(preset, given, only, start, dry_run, fresh, as_json)
    first = recipes.find(recipe)
    alone = only or start
    after = [] if alone else following(recipes.resolve(first, preset, given), first, preset)
    _trip(first, asked)
    for one in after:
        _trip(one.path, replace(asked, preset=one.preset, sets=()), one.coming)


@dataclass(frozen=True)
class _Asked:
    """The options of `kamerton run`."""

    preset: str | None
    sets: tuple[str, ...]
    only: str | None
    start: str | None
    dry_run: bool
    fresh: bool
    as_json: bool


def _trip(path: Path, asked: _Asked, coming: tuple[str, ...] = ()) -> None:
    """One recipe's trip; `coming`: recipes before it, which a plan has not run."""
    read = recipes.resolve(path, asked.preset, asked.sets)
    resolved = started(read, path, coming if asked.dry_run else ())
    home = path.resolve().parent
    planned = plan(stages(resolved, home), folders.ROOT, home)
    chosen = select(planned, asked.only, asked.start)
    if asked.dry_run:
        known = recipes.origins(path, asked.preset, asked.sets)
        _show_plan(resolved, home, planned, known, asked.as_json)
        return
    job = _job(resolved, path, planned, asked.preset, asked.sets)
    with folders.in_use(folders.ROOT):
        if asked.fresh:
            forget(chosen)
        ran = execute(chosen, planned, lambda item: command(item, job))
        if asked.only and not _is_result(resolved, planned, asked.only):
            _say_stage(planned, asked.only, ran, asked.as_json)
            return
        place = _record(job, path, planned, ran)
    if resolved.tracking == "mlflow":
        _track(place, job)
    _show(place, ran, asked.as_json)


def _is_result(resolved: recipes.Recipe, planned: list[Planned], stage: str) -> bool:
    """Whether a stage alone makes something to show: the last one, and a dataset's card."""
    made = results(resolved).get(CARD)
    return stage == planned[-1].name or (made is not None and made[0] == stage)


def _job(
    resolved: recipes.Recipe,
    path: Path,
    planned: list[Planned],
    preset: str | None,
    sets: tuple[str, ...],
) -> Job:
    options = ["--preset", preset] if preset else []
    options += [part for text in sets for part in ("--set", text)]
    return Job(
        recipe=resolved,
        folder=str(path.resolve().parent),
        command=shlex.join(["kamerton", "run", str(path), *options]),
        stages={item.name: str(item.folder.resolve()) for item in planned},
    )


def _record(job: Job, path: Path, planned: list[Planned], ran: list[str]) -> Path:
    """The run's folder: a new one where anything ran, else the one that these stages made."""
    done = [item for item in planned if state_of(item.folder) is State.DONE]
    names = {item.name: str(item.folder.relative_to(folders.ROOT)) for item in done}
    known = folders.find_run(folders.ROOT, job.recipe.name, names)
    if known and not ran:
        folders.point_latest(known)  # a setting put back: an older run is the recipe's again
        return known
    place = known or folders.new_run(folders.ROOT, job.recipe.name)
    write_text(place / folders.RECIPE, job.recipe.model_dump_json(indent=2) + "\n")
    for name, (stage, file) in results(job.recipe).items():
        if stage in names:
            shutil.copyfile(job.out(stage) / file, place / name)
    record = folders.RunRecord(
        recipe=job.recipe.name,
        recipe_file=str(path),
        folder=job.folder,
        stages=names,
        options=shlex.split(job.command)[3:],
    )
    record.write(place)  # last: its presence makes the folder a run
    folders.point_latest(place)
    return place


def _track(place: Path, job: Job) -> None:
    from kamerton.experiment.track import Run, track

    record = folders.read_run(place)
    stages = {name: record.stage(place, name) for name in record.stages}
    track(
        Run(record.recipe, place.name, job.recipe.model_dump(mode="json"), place, stages),
        folders.ROOT,
    )


def _show(place: Path, ran: list[str], as_json: bool) -> None:
    if as_json:
        _print_figures(place)
        return
    if not ran:
        note(say("cli.nothing_to_do"))
    pages = sorted(place.glob(f"*{REPORT}"))
    if not pages:
        typer.echo("\n".join(read_text(place / "card.md").splitlines()[2:5]))
        typer.echo(say("cli.card_lies", path=place / CARD))
        return
    record = folders.read_run(place)
    typer.echo(read_text(record.stage(place, "report") / TABLE))
    for page in pages:
        typer.echo(say("cli.report_lies", path=page))
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


def _say_stage(planned: list[Planned], only: str, ran: list[str], as_json: bool) -> None:
    (item,) = [item for item in planned if item.name == only]
    if as_json:
        print_json({"stage": only, "ran": bool(ran), "folder": str(item.folder)})
        return
    if not ran:
        note(say("cli.nothing_to_do"))
    typer.echo(str(item.folder))


def _show_plan(
    resolved: recipes.Recipe,
    home: Path,
    planned: list[Planned],
    origins: dict[str, str],
    as_json: bool,
) -> None:
    """The resolved plan with what it will cost and what it can show; nothing is run."""
    found = figures(resolved, home)
    states = {item.name: str(item.state) for item in planned}
    tree = resolved.model_dump(mode="json")
    if as_json:
        print_json({"recipe": tree, "origins": origins, "stages": states} | found)
        return
    rows = [(name, str(recipes.value_at(tree, name)), origin) for name, origin in origins.items()]
    typer.echo(table([row for row in rows if not row[0].startswith("presets")]))
    typer.echo("")
    typer.echo(table([(item.name, states[item.name], str(item.folder)) for item in planned]))
    typer.echo("\n" + "\n".join(lines(found)))

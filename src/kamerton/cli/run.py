"""`kamerton run`: make the trip that a recipe describes; running again is resuming."""

import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from kamerton.cli import recipe as recipes
from kamerton.cli.trip import RESULTS, Job, command, stages
from kamerton.cli.words import print_json, table
from kamerton.develop.settings import CorpusSettings, RowsSettings
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.scores import SUMMARY
from kamerton.pipeline import folder as folders
from kamerton.pipeline.execute import execute, forget
from kamerton.pipeline.graph import Planned, plan, select
from kamerton.terminal import note

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
    path = recipes.find(recipe)
    given = tuple(sets or ()) + (("deterministic=true",) if deterministic else ())
    resolved = recipes.resolve(path, preset, given)
    home = path.resolve().parent
    planned = plan(stages(resolved, home), folders.ROOT, home)
    chosen = select(planned, only, start)
    if dry_run:
        _show_plan(resolved, home, planned, recipes.origins(path, preset, given), as_json)
        return
    job = _job(resolved, path, planned, preset, given)
    with folders.in_use(folders.ROOT):
        if fresh:
            forget(chosen)
        ran = execute(chosen, planned, lambda item: command(item, job))
        if only and only != planned[-1].name:
            _say_stage(planned, only, ran, as_json)
            return
        place = _record(job, path, planned, ran)
    _show(place, ran, as_json)


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
    names = {item.name: str(item.folder.relative_to(folders.ROOT)) for item in planned}
    known = folders.find_run(folders.ROOT, job.recipe.name, names)
    if known and not ran:
        folders.point_latest(known)  # a setting put back: an older run is the recipe's again
        return known
    place = known or folders.new_run(folders.ROOT, job.recipe.name)
    write_text(place / folders.RECIPE, job.recipe.model_dump_json(indent=2) + "\n")
    for stage, name in RESULTS[job.recipe.data.kind]:
        shutil.copyfile(job.out(stage) / name, place / name)
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


def _show(place: Path, ran: list[str], as_json: bool) -> None:
    if (place / CARD).is_file():
        _show_card(place, ran, as_json)
        return
    summary = read_text(place / SUMMARY)
    if as_json:
        sys.stdout.write(summary)
        return
    if not ran:
        note(say("cli.nothing_to_do"))
    record = folders.read_run(place)
    typer.echo(read_text(record.stage(place, "report") / TABLE))
    name = place.parent.name
    typer.echo(say("cli.report_lies", path=place / REPORT))
    typer.echo(say("cli.next_serve", name=name))


def _show_card(place: Path, ran: list[str], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(read_text(place / "card.json"))
        return
    if not ran:
        note(say("cli.nothing_to_do"))
    typer.echo("\n".join(read_text(place / "card.md").splitlines()[2:5]))
    typer.echo(say("cli.card_lies", path=place / CARD))


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
    figures, lines = _figures(resolved, home)
    states = {item.name: str(item.state) for item in planned}
    tree = resolved.model_dump(mode="json")
    if as_json:
        print_json({"recipe": tree, "origins": origins, "stages": states} | figures)
        return
    rows = [(name, str(recipes.value_at(tree, name)), origin) for name, origin in origins.items()]
    typer.echo(table([row for row in rows if not row[0].startswith("presets")]))
    typer.echo("")
    typer.echo(table([(item.name, states[item.name], str(item.folder)) for item in planned]))
    typer.echo("\n" + "\n".join(lines))


def _figures(resolved: recipes.Recipe, home: Path) -> tuple[dict[str, Any], list[str]]:
    """What the trip will cost and can show: as data, and as lines to read."""
    if isinstance(resolved.data, CorpusSettings):
        from kamerton.develop.data.corpus.run import survey

        sizes = survey(resolved.data, home).sizes
        counts = {"documents": len(sizes), "characters": sum(sizes.values())}
        return {"corpus": counts}, [say("cli.plan_corpus", **counts)]
    if isinstance(resolved.data, RowsSettings):
        from kamerton.develop.data.rows import run as rows

        counts = rows.survey(resolved.data, home, resolved.seed)
        return {"rows": counts}, [say("cli.check_read", **counts)]
    from kamerton.develop.data.guide.run import plan as read_data
    from kamerton.develop.tune.estimate import estimate
    from kamerton.experiment.design import design

    data = read_data(resolved.data, home, resolved.seed)
    cost = asdict(estimate(resolved.tune, resolved.base, data.train))
    shows = design(resolved.experiment, data.held_out, resolved.name)
    claims = [
        say("cli.check_claim", **asdict(power), points=100 * power.detectable)
        for power in shows.hypotheses
    ]
    training = say("cli.plan_training", **cost, minutes=cost["seconds"] / 60)
    return {"training": cost, "design": asdict(shows)}, [training, *claims]

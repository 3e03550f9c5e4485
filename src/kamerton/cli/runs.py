"""`kamerton runs ls|show|diff|gc`: what was run, how two runs differ, what can go."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kamerton.app.follow import find_work
from kamerton.cli.follow import print_states, show_work
from kamerton.cli.words import SUBCOMMANDS, print_json, table
from kamerton.formats import manifest
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.scores import SUMMARY
from kamerton.pipeline import folder as folders
from kamerton.pipeline.working import forget_stopped

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


@app.command("ls", help="cli.help_runs_ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print all runs with their primary verdicts."""
    rows: list[dict[str, Any]] = [
        {"run": f"{run.parent.name}/{run.name}", "verdicts": _verdicts(run)}
        for run in folders.all_runs(folders.ROOT)
    ]
    if as_json:
        print_json(rows)
    elif rows:
        lines = [(r["run"], ", ".join(f"{k}: {v}" for k, v in r["verdicts"].items())) for r in rows]
        typer.echo(table(lines))


def _verdicts(run: Path) -> dict[str, str]:
    """Primary verdicts; a run that only made a dataset has none."""
    if not (run / SUMMARY).is_file():
        return {}
    comparisons = json.loads(read_text(run / SUMMARY))["comparisons"]
    return {c["name"]: c["verdict"] for c in comparisons if c["family"] == "primary"}


@app.command("show", help="cli.help_runs_show")
def show(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    live: Annotated[bool, typer.Option("--follow", help="cli.opt_follow")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what a run is made of, back to the files that were read; or how it goes on."""
    work = find_work(run)
    if live:
        raise typer.Exit(0 if show_work(work, as_json) == "finished" else 1)
    if work.record is not None:
        note(say(f"cli.work_{work.condition}", run=work.title))
        if not folders.runs_of(folders.ROOT, run):
            print_states(work, as_json)
            return
    place = folders.resolve_run(run)
    record = folders.read_run(place)
    found = {name: manifest.read(record.stage(place, name)) for name in record.stages}
    if as_json:
        trees = {name: m.model_dump() for name, m in found.items() if m}
        print_json(record.model_dump() | {"manifests": trees})
        return
    rows = [(name, m.hash, f"{m.seconds:.0f} s") for name, m in found.items() if m]
    typer.echo(table(rows))
    for name, digest in sorted(
        {k: v for m in found.values() if m for k, v in m.sources.items()}.items()
    ):
        typer.echo(f"{digest[:12]}  {name}")


@app.command("diff", help="cli.help_runs_diff")
def diff(
    one: Annotated[str, typer.Argument(help="cli.arg_run_a")],
    other: Annotated[str, typer.Argument(help="cli.arg_run_b")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what differs between two runs."""
    sides = [_told(folders.resolve_run(name)) for name in (one, other)]
    names = dict.fromkeys(name for side in sides for name in side)
    rows = {name: [side.get(name) for side in sides] for name in names}
    different = {name: pair for name, pair in rows.items() if pair[0] != pair[1]}
    if as_json:
        print_json(different)
    elif different:
        lines = [(name, *("-" if v is None else v for v in of)) for name, of in different.items()]
        typer.echo(table([("", one, other), *lines]))
    else:
        typer.echo(say("cli.runs_same"))


def _told(place: Path) -> dict[str, str]:
    """Settings, last figures and stage hashes of a run, by name."""
    from kamerton.experiment.track import figures, leaves

    record = folders.read_run(place)
    stages = {name: record.stage(place, name) for name in record.stages}
    found = {f"stage.{name}": folder.name for name, folder in stages.items()}
    settings = json.loads(read_text(place / folders.RECIPE))
    return dict(leaves(settings)) | {n: f"{value:.6g}" for n, value, _ in figures(stages)} | found


@app.command("gc", help="cli.help_runs_gc")
def gc(
    unfinished: Annotated[bool, typer.Option("--unfinished", help="cli.opt_unfinished")] = False,
) -> None:
    """Delete outputs that no run points to: the only command that deletes."""
    with folders.exclusive_lock(folders.ROOT):
        for path in folders.unused_stages(folders.ROOT, unfinished):
            folders.delete_stage(path)
            typer.echo(say("cli.deleted", path=path))
        if unfinished:
            forget_stopped(folders.ROOT)

"""`kamerton runs ls|show|gc`: what was run, and what of it can go."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kamerton.cli.words import SUBCOMMANDS, print_json, table
from kamerton.formats import manifest
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.formats.scores import SUMMARY
from kamerton.pipeline import folder as folders

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
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what a run is made of, back to the files that were read."""
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


@app.command("gc", help="cli.help_runs_gc")
def gc(
    unfinished: Annotated[bool, typer.Option("--unfinished", help="cli.opt_unfinished")] = False,
) -> None:
    """Delete outputs that no run points to: the only command that deletes."""
    with folders.alone(folders.ROOT):
        for path in folders.unused_stages(folders.ROOT, unfinished):
            folders.delete_stage(path)
            typer.echo(say("cli.deleted", path=path))

"""`kamerton runs ls|show|diff|gc`: what was run, how two runs differ, what can go."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from kamerton.app.follow import find_work
from kamerton.app.listing import Listed, finished, listed
from kamerton.cli.follow import print_states, show_work
from kamerton.cli.help import SUBCOMMANDS
from kamerton.cli.words import print_json
from kamerton.formats import manifest
from kamerton.formats.events import read_events
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import label, say
from kamerton.formats.progress import note
from kamerton.formats.scores import verdict_code
from kamerton.formats.table import aligned
from kamerton.pipeline import folder as folders
from kamerton.pipeline.working import forget_stopped

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


@app.command("ls", help="cli.help_runs_ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print all runs, those that work or were stopped too, with verdicts, bases and reports."""
    runs = listed()
    if as_json:
        print_json([run.tree() for run in runs])
    elif runs:
        head = tuple(say("cli.runs_columns").split("|"))
        typer.echo(aligned([head, *(_line(run) for run in runs)]))


def _line(run: Listed) -> tuple[str, ...]:
    pages = " ".join(str(path) for path in run.reports)
    return run.run, _when(run), run.base or "-", _outcome(run), pages or "-"


def _when(run: Listed) -> str:
    return run.at.strftime("%Y-%m-%d %H:%M")


def _outcome(run: Listed) -> str:
    """The verdicts, or how far a run has come that is not finished."""
    if run.work:
        state = say(f"cli.state_{run.state}")
        begun = [name for name, folder in run.work.stages.items() if read_events(folder)[0]]
        return f"{state}: {begun[-1]}" if begun else state
    if not run.claims:
        return say("cli.claims_none")
    return _spoken(run.verdicts) or "-"


def _spoken(verdicts: dict[str, str]) -> str:
    """Hypotheses with their verdicts, in the language in force."""
    return ", ".join(
        f"{label('experiment', 'hypothesis', name)}: {say(f'experiment.verdict_{code}')}"
        for name, code in ((name, verdict_code(verdict)) for name, verdict in verdicts.items())
    )


@app.command("show", help="cli.help_runs_show")
def show(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    live: Annotated[bool, typer.Option("--follow", help="cli.opt_follow")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what a run came to and is made of, back to the files that were read; or how it goes on.

    A recipe's name is its run that works or was stopped, where there is one, else the latest.
    """
    work = find_work(run)
    if live:
        raise typer.Exit(0 if show_work(work, as_json) == "finished" else 1)
    if work.record is not None:
        note(say(f"cli.work_{work.condition}", run=work.title))
        print_states(work, as_json)
        return
    place = folders.resolve_run(run)
    record, about = folders.read_run(place), finished(place)
    manifests = {name: manifest.read(record.stage(place, name)) for name in record.stages}
    if as_json:
        trees = {name: m.model_dump() for name, m in manifests.items() if m}
        print_json(record.model_dump() | about.tree() | {"manifests": trees})
        return
    head = say("cli.runs_columns").split("|")
    made = shlex.join(["kamerton", "run", record.recipe_file, *record.options])
    typer.echo(aligned([*zip(head, _line(about), strict=True), (say("cli.made_by"), made)]) + "\n")
    rows = [
        (name, m.hash, say("cli.seconds", seconds=round(m.seconds)))
        for name, m in manifests.items()
        if m
    ]
    typer.echo(aligned(rows))
    for name, digest in sorted(
        {k: v for m in manifests.values() if m for k, v in m.sources.items()}.items()
    ):
        typer.echo(f"{digest[:12]}  {name}")


@app.command("diff", help="cli.help_runs_diff")
def diff(
    one: Annotated[str, typer.Argument(help="cli.arg_run_a")],
    other: Annotated[str, typer.Argument(help="cli.arg_run_b")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what differs between two runs."""
    sides = [_figures(folders.resolve_run(name)) for name in (one, other)]
    names = dict.fromkeys(name for side in sides for name in side)
    rows = {name: [side.get(name) for side in sides] for name in names}
    different = {name: pair for name, pair in rows.items() if pair[0] != pair[1]}
    if as_json:
        print_json(different)
    elif different:
        lines = [(name, *("-" if v is None else v for v in of)) for name, of in different.items()]
        typer.echo(aligned([("", one, other), *lines]))
    else:
        typer.echo(say("cli.runs_same"))


def _figures(place: Path) -> dict[str, str]:
    """Settings, last figures and stage hashes of a run, by name."""
    from kamerton.experiment.track import figures, leaves

    record = folders.read_run(place)
    stages = {name: record.stage(place, name) for name in record.stages}
    hashes = {f"stage.{name}": folder.name for name, folder in stages.items()}
    settings = json.loads(read_text(place / folders.RECIPE))
    return dict(leaves(settings)) | {n: f"{value:.6g}" for n, value, _ in figures(stages)} | hashes


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

"""`kamerton sandbox`: run a program as generated code is run."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.cli.help import SUBCOMMANDS
from kamerton.cli.words import print_json, without_controls
from kamerton.formats.language import say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from kamerton.sandbox import Completed

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)
_MIB = 2**20


@app.command("run", help="cli.help_sandbox_run")
def run(
    file: Annotated[Path, typer.Argument(help="cli.sandbox_arg_file")],
    cpu: Annotated[int, typer.Option(min=1, help="cli.sandbox_opt_cpu")] = 10,
    memory: Annotated[int, typer.Option(min=32, help="cli.sandbox_opt_memory")] = 512,
    processes: Annotated[int, typer.Option(min=2, help="cli.sandbox_opt_processes")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Run a file in a box; what it says comes out, and its exit code is ours."""
    from kamerton.sandbox import Limits, run_file

    ended = run_file(file, Limits(cpu_seconds=cpu, memory_bytes=memory * _MIB, processes=processes))
    if as_json:
        print_json(asdict(ended))
    else:
        _show(ended)
    raise typer.Exit(ended.exit)


def _show(ended: "Completed") -> None:
    typer.echo(without_controls(ended.stdout), nl=False)
    typer.echo(without_controls(ended.stderr), nl=False, err=True)
    if ended.limit:
        note(say("cli.sandbox_limit", limit=say(f"cli.sandbox_{ended.limit}")))
    note(say("cli.sandbox_spent", cpu=f"{ended.cpu_seconds:.2f}", wall=f"{ended.wall_seconds:.2f}"))


@app.command("check", help="cli.help_sandbox_check")
def check() -> None:
    """Say whether boxes can be put up here; exit 2 with what is missing where they cannot."""
    from kamerton.sandbox import require

    require()
    typer.echo(say("cli.sandbox_good"))

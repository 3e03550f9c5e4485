"""`kamerton gate`: may this run take the place of another one? The exit code says it to CI."""

from typing import Annotated, Any

import typer

from kamerton.cli.words import print_json


def gate(
    run: Annotated[str, typer.Argument(help="cli.arg_run_arm")],
    against: Annotated[str, typer.Option(help="cli.gate_opt_against")],
    margin: Annotated[float | None, typer.Option(help="cli.gate_opt_margin")] = None,
    safety_margin: Annotated[
        float | None, typer.Option("--safety-margin", help="cli.gate_opt_safety_margin")
    ] = None,
    no_safety: Annotated[bool, typer.Option("--no-safety", help="cli.gate_opt_no_safety")] = False,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.gate_opt_set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print each check in words; exit 1 unless all of them hold."""
    from kamerton.app.judging import gated
    from kamerton.experiment.gate import as_tree, sentences

    given: dict[str, Any] = {} if margin is None else {"margin": margin}
    given |= {} if safety_margin is None else {"safety_margin": safety_margin}
    given |= {"safety": False} if no_safety else {}
    checked = gated(run, against, given, tuple(sets or ()))
    if as_json:
        print_json(as_tree(checked))
    else:
        typer.echo("\n".join(sentences(checked)))
    if not checked.passed:
        raise typer.Exit(1)

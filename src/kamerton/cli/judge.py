"""`kamerton judge`: a judge model compares the answers of a finished run with its base's."""

from typing import Annotated, Any

import typer

from kamerton.cli.words import print_json, tell_again
from kamerton.formats.progress import note
from kamerton.formats.serving import BASE

Tree = dict[str, Any]


def judge(
    run: Annotated[str, typer.Argument(help="cli.arg_run_arm")],
    model: Annotated[str | None, typer.Option(help="cli.judge_opt_model")] = None,
    against: Annotated[str, typer.Option(help="cli.opt_against_arm")] = BASE,
    criterion: Annotated[list[str] | None, typer.Option(help="cli.opt_criterion")] = None,
    held_out: Annotated[list[str] | None, typer.Option(help="cli.opt_held_out")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="cli.opt_count")] = None,
    trust: Annotated[list[str] | None, typer.Option(help="cli.judge_opt_trust")] = None,
    leaves_machine: Annotated[
        bool, typer.Option("--leaves-machine", help="cli.judge_opt_leaves")
    ] = False,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.judge_opt_set")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.judge_opt_dry_run")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Tell the plan, ask what has no answer yet, and print what the judge finds."""
    from kamerton.app.judging import judging
    from kamerton.experiment.judge.report import FILE
    from kamerton.experiment.judge.run import sentences
    from kamerton.experiment.report.feedback import of_judge

    given = _given(model, criterion, trust, leaves_machine)
    asked = judging(run, against, held_out or [], count, given, tuple(sets or ()))
    outlook = asked.outlook()
    plan = sentences(outlook, asked.settings)
    if dry_run:
        print_json(vars(outlook)) if as_json else typer.echo("\n".join(plan))
        return
    note("\n".join(plan))
    why, report = asked.ask()
    tell_again(asked.place, why, report, of_judge(report), FILE, as_json)


def _given(
    model: str | None, criterion: list[str] | None, trust: list[str] | None, leaves: bool
) -> Tree:
    """What the options say, as the recipe would."""
    tree: Tree = {}
    if model is not None:
        url, _, name = model.partition("#")
        tree |= {"base_url": url, "model": name}
    if criterion:
        tree["criteria"] = criterion
    if trust:
        tree["trusted_hosts"] = trust
    return tree | ({"leaves_machine": True} if leaves else {})

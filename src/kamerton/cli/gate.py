"""`kamerton gate`: may this run take the place of another one? The exit code says it to CI."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kamerton.cli.words import print_json
from kamerton.formats.recipe import merged, parse_set, validate
from kamerton.formats.serving import BASE
from kamerton.pipeline.folder import RECIPE

if TYPE_CHECKING:
    from kamerton.app.runs import Place

Tree = dict[str, Any]


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
    from kamerton.app.runs import place_of, read
    from kamerton.experiment.gate.check import as_tree, sentences
    from kamerton.experiment.gate.check import gate as held
    from kamerton.experiment.gate.settings import GateSettings

    place = place_of(run)
    given: Tree = {} if margin is None else {"margin": margin}
    given |= {} if safety_margin is None else {"safety_margin": safety_margin}
    given |= {"safety": False} if no_safety else {}
    tree, path = _rule(place, given, tuple(sets or ()))
    rule = validate(tree, GateSettings, path, None, tuple(sets or ()))
    found = held(read(place), read(_other(place, against)), rule)
    if as_json:
        print_json(as_tree(found))
    else:
        typer.echo("\n".join(sentences(found)))
    if not found.passed:
        raise typer.Exit(1)


def _other(place: "Place", against: str) -> "Place":
    """Another arm of this run for `base`, else the run that is named."""
    from kamerton.app.runs import place_of

    return place.with_arm(BASE) if against == BASE else place_of(against)


def _rule(place: "Place", given: Tree, sets: tuple[str, ...]) -> tuple[Tree, Path]:
    """The recipe's section `gate`, then the options, then `--set`."""
    tree: Tree = (place.recipe.get("gate") or {}) | given
    for text in sets:
        tree = merged(tree, parse_set(text))
    return tree, place.run / RECIPE

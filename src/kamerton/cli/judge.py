"""`kamerton judge`: a judge model compares the answers of a finished run with its base's."""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kamerton.cli.words import print_json, tell_again
from kamerton.formats.progress import note
from kamerton.formats.recipe import merged, parse_set, validate
from kamerton.formats.serving import BASE
from kamerton.pipeline.folder import RECIPE

if TYPE_CHECKING:
    from kamerton.app.runs import Place
    from kamerton.client.hosts import Mask
    from kamerton.experiment.finished import Finished
    from kamerton.experiment.judge.pairs import Pair
    from kamerton.experiment.judge.settings import JudgeSettings

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
    from kamerton.app.runs import place_of, read
    from kamerton.experiment.judge.outlook import outlook, sentences

    place = place_of(run)
    found = read(place)
    given = _given(model, criterion, trust, leaves_machine)
    pairs = _pairs(found, against, held_out or [], count)
    settings = _settings(place, given, tuple(sets or ()), pairs)
    mask = _mask(place.part)
    planned = outlook(pairs, settings, place.out, mask)
    told = sentences(planned, settings)
    if dry_run:
        print_json(vars(planned)) if as_json else typer.echo("\n".join(told))
        return
    note("\n".join(told))
    _judge(place, found, pairs, settings, mask, as_json)


def _judge(
    place: "Place",
    found: "Finished",
    pairs: "list[Pair]",
    settings: "JudgeSettings",
    mask: "Mask",
    as_json: bool,
) -> None:
    from kamerton.experiment.finished import why_no_claim
    from kamerton.experiment.judge.report import FILE
    from kamerton.experiment.judge.run import judge_pairs
    from kamerton.experiment.rating.choices import read_choices
    from kamerton.experiment.report.feedback import of_judge

    why = why_no_claim([found])
    choices = read_choices(place.out)
    report = judge_pairs(pairs, settings, place.out, choices, mask, claims=not why)
    tell_again(place, why, report, of_judge(report), FILE, as_json)


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


def _settings(
    place: "Place", given: Tree, sets: tuple[str, ...], pairs: "list[Pair]"
) -> "JudgeSettings":
    """The recipe's section `judge`, then the options, then `--set`."""
    from kamerton.experiment.judge.settings import JudgeSettings
    from kamerton.formats.errors import InputError
    from kamerton.formats.language import language_of

    tree: Tree = {"language": language_of(pair.question for pair in pairs)}
    tree = tree | (place.recipe.get("judge") or {}) | given
    for text in sets:
        tree = merged(tree, parse_set(text))
    if not tree.get("base_url") or not tree.get("model"):
        raise InputError("cli.judge_no_model", where="--model")
    return validate(tree, JudgeSettings, place.run / RECIPE, None, sets)


def _pairs(found: "Finished", against: str, held_out: list[str], count: int | None) -> "list[Pair]":
    from kamerton.experiment.finished import chosen
    from kamerton.experiment.judge.pairs import pairs_of

    both = found.of() + found.of(against)
    return pairs_of(chosen(both, held_out, count, found.seed), found.arm, against)


def _mask(recipe: Tree) -> "Mask":
    """Takes out the kinds of personal data that are always looked for, and those of the recipe."""
    from kamerton.develop.settings.sources import PrivacySettings
    from kamerton.privacy.personal import find, masked

    own = ((recipe.get("data") or {}).get("privacy") or {}).get("find") or []
    kinds = PrivacySettings(find=[*dict.fromkeys([*PrivacySettings().find, *own])]).find

    @cache
    def mask(text: str) -> str:
        return masked(text, find(text, kinds))

    return mask

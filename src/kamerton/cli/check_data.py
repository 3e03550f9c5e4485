"""`kamerton data preview` and `kamerton data check`: what rules would cost, what must be mended."""

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kamerton.app import recipe as recipes
from kamerton.cli.words import print_json, table
from kamerton.develop.settings import CorpusSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.pipeline.folder import read_run, resolve_run

if TYPE_CHECKING:
    from kamerton.develop.data.corpus.run import Cost

_FILES = 3
LEAKS, CARD = "leaks.json", "card.json"


def preview(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    preset: Annotated[str | None, typer.Option(help="cli.opt_preset")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.opt_set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what each rule of a corpus recipe would cost; nothing is written."""
    from kamerton.develop.data.corpus.run import preview as costs_of

    path = recipes.find(recipe)
    data = recipes.resolve(path, preset, tuple(sets or ())).data
    if not isinstance(data, CorpusSettings):
        raise InputError("cli.preview_needs_corpus", where=str(path))
    costs = costs_of(data, path.resolve().parent)
    if as_json:
        print_json([cost.model_dump() | {"share": round(cost.share, 4)} for cost in costs])
        return
    typer.echo(table(_rows(costs)))


def _rows(costs: list["Cost"]) -> list[tuple[str, ...]]:
    """Each rule with its characters and the files that it costs most, as a share of the file."""
    by_rule: dict[tuple[bool, str], list[Cost]] = defaultdict(list)
    for cost in costs:
        by_rule[cost.drops, cost.rule].append(cost)
    rows = [tuple(say(f"cli.preview_{name}") for name in ("rule", "characters", "files"))]
    ordered = sorted(by_rule, key=lambda key: (key[1] == "naive", key))  # the naive rule last
    for takes, rule in ordered:
        of = by_rule[takes, rule]
        key = "cli.preview_naive" if rule == "naive" else None
        words = say(key or f"develop.card_{'dropped' if takes else 'repair'}_{rule}")
        worst = sorted(of, key=lambda c: -c.share)[:_FILES]
        files = ", ".join(f"{c.document} {100 * c.share:.1f} %" for c in worst)
        rows.append((words, str(sum(c.characters for c in of)), files))
    return rows


def check(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Exit 1 where the dataset of a run has something that must be mended; say what."""
    place = resolve_run(run)
    found = _faults(read_run(place).stage(place, "data"))
    if as_json:
        print_json({"faults": found})
    else:
        typer.echo("\n".join(found) if found else say("cli.data_good"))
    raise typer.Exit(1 if found else 0)


def _faults(data: Path) -> list[str]:
    """What no dataset should be used with, in words."""
    faults = []
    if (data / LEAKS).is_file() and (blocking := _json(data / LEAKS)["blocking"]):
        faults.append(say("cli.data_leaks", count=len(blocking), path=data / LEAKS))
    if not (data / CARD).is_file():
        return faults
    card = _json(data / CARD)
    if "works" in card:
        spent = card["kept"] + card["repaired"] + sum(card["dropped"].values())
        if spent != card["read"]:
            faults.append(say("cli.data_unaccounted", missing=card["read"] - spent))
    return faults


def _json(path: Path) -> Any:
    return json.loads(read_text(path))

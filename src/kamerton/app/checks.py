"""The check stage: recipe and data are sound, before anything is computed or sent."""

import json
from pathlib import Path

from kamerton.app.cost import stage_seconds
from kamerton.app.follow import CHECKED
from kamerton.app.kinds import Figures, kind_of
from kamerton.app.needs import Need
from kamerton.app.recipe import Recipe, resolve
from kamerton.app.run import Plan
from kamerton.app.stages import Job
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.recipe import read_yaml
from kamerton.pipeline.graph import State


def check(job: Job) -> None:
    """Tell what the run will cost and what it can show; InputError for what cannot be used."""
    counts = figures(job.recipe, Path(job.folder), leaks=False)  # the data stage looks for them
    for of in (counts, *counts.get("adapters", {}).values()):
        for personal in of.get("personal", ()):
            personal["examples"] = []  # logs and files keep nothing that a mask hides
    for line in lines(job.recipe, counts):
        note(line)
    counts["seconds"] = stage_seconds(job.recipe, counts)
    write_text(job.out("check") / CHECKED, json.dumps(counts, indent=2) + "\n")


def ahead(planned: Plan) -> tuple[Figures, list[str]]:
    """What a plan will need, cost and be able to show, and the same in lines; nothing is run.

    InputError for what cannot be used. Where something that the run needs does not answer, what
    cannot be counted without it is left out, and presets that need nothing are named.
    """
    recipe, home = planned.recipe, planned.link.home
    wanted = needs(recipe, home)
    lacks = any(need.missing for need in wanted)
    told, counts = [need.line for need in wanted], Figures()
    try:
        counts = {} if any(need.blocks for need in wanted) else figures(recipe, home)
    except InputError:
        if not lacks:
            raise
    if counts:
        told += lines(recipe, counts)
        seconds = stage_seconds(recipe, counts)
        left = sum(seconds.get(i.name, 0) for i in planned.stages if i.state is not State.DONE)
        counts["seconds"] = seconds
        told += [say("app.plan_whole", minutes=max(1, round(left / 60)))] if left else []
    if lacks:
        told += _presets_without_needs(planned)
    return counts | {"needs": [need.line for need in wanted]}, told


def needs(recipe: Recipe, home: Path) -> list[Need]:
    """What the data of a recipe will be asked for outside its folder."""
    sections = [part.data for part in recipe.parts.values()] or [recipe.data]
    return [need for of in sections for need in kind_of(of).needs(of, home, recipe.seed)]


def _presets_without_needs(planned: Plan) -> list[str]:
    """A line for each preset with which the run needs nothing that does not answer."""
    path = planned.link.path
    fit = []
    for preset in read_yaml(path).get("presets") or {}:
        try:
            lacking = [n for n in needs(resolve(path, preset), planned.link.home) if n.missing]
        except InputError:
            continue
        fit += [] if lacking else [preset]
    return [say("app.preset_without", path=path, preset=preset) for preset in fit]


def figures(recipe: Recipe, home: Path, leaks: bool = True) -> Figures:
    """Counts of all data, what each training costs, and for each guide the power of its test.

    `leaks`: look for held-out questions among the training rows too; InputError for one.
    """
    if not recipe.parts:
        return kind_of(recipe.data).survey(recipe.data, home, recipe.seed)
    parts = recipe.parts.items()
    counts = {n: kind_of(part.data).forecast(recipe, n, part, home, leaks) for n, part in parts}
    return {"adapters": counts}


def lines(recipe: Recipe, counts: Figures) -> list[str]:
    """The figures of a recipe as lines to read."""
    if not recipe.parts:
        return kind_of(recipe.data).lines(counts)
    parts = counts["adapters"]
    return [line for n, part in recipe.parts.items() for line in kind_of(part.data).lines(parts[n])]

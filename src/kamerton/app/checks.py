"""The check stage: recipe and data are sound, before anything is computed or sent."""

import json
from pathlib import Path

from kamerton.app.kinds import Figures, kind_of
from kamerton.app.recipe import Recipe
from kamerton.app.stages import Job
from kamerton.formats.jsonl import write_text
from kamerton.formats.progress import note

CHECK = "check.json"


def check(job: Job) -> None:
    """Tell what the run will cost and what it can show; InputError for what cannot be used."""
    counts = figures(job.recipe, Path(job.folder), leaks=False)  # the data stage looks for them
    for of in (counts, *counts.get("adapters", {}).values()):
        for personal in of.get("personal", ()):
            personal["examples"] = []  # logs and files keep nothing that a mask hides
    for line in lines(job.recipe, counts):
        note(line)
    write_text(job.out("check") / CHECK, json.dumps(counts, indent=2) + "\n")


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

"""The check stage: recipe and data are sound, before anything is computed or sent."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from kamerton.app.cost import cost
from kamerton.app.recipe import Part, Recipe
from kamerton.app.trip import Job
from kamerton.develop.settings import CorpusSettings, GuideSettings, RowsSettings
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note

CHECK = "check.json"
Figures = dict[str, Any]
Form = Literal["sft", "dpo", "kto"]


def check(job: Job) -> None:
    """Tell what the trip will cost and what it can show; InputError for what cannot be used."""
    found = figures(job.recipe, Path(job.folder))
    for line in lines(found):
        note(line)
    write_text(job.out("check") / CHECK, json.dumps(found, indent=2) + "\n")


def figures(recipe: Recipe, home: Path) -> Figures:
    """Counts of all data, what each training costs, and for each guide the power of its test."""
    if isinstance(recipe.data, CorpusSettings):
        return {"corpus": _corpus(recipe.data, home)}
    if not recipe.parts:
        assert isinstance(recipe.data, RowsSettings)
        return {"rows": _rows(recipe.data, home, recipe.seed)}
    parts = recipe.parts.items()
    return {"adapters": {name: _part(recipe, part, name, home) for name, part in parts}}


def _corpus(data: CorpusSettings, home: Path) -> Figures:
    from kamerton.develop.data.corpus.run import survey

    found = survey(data, home)
    return {
        "documents": len(found.sizes),
        "free": len(found.kept),
        "dropped": len(found.dropped),
        "works": len(set(found.works.values())),
        "characters": sum(found.sizes.values()),
    }


def _rows(data: RowsSettings, home: Path, seed: int, objective: Form = "sft") -> Figures:
    from kamerton.develop.data.rows.run import survey

    return dict(survey(data, home, seed, objective))


def _part(recipe: Recipe, part: Part, name: str, home: Path) -> Figures:
    if isinstance(part.data, RowsSettings):
        counts = _rows(part.data, home, recipe.seed, part.tune.objective)
        from kamerton.experiment import likelihood

        declared = list(likelihood.DECLARED[part.tune.objective])
        return {"rows": counts, "declared": declared} | cost(recipe, part, part.data, home)
    from kamerton.develop.data.guide.run import plan, summary
    from kamerton.develop.tune.estimate import estimate
    from kamerton.experiment.design import design

    assert isinstance(part.data, GuideSettings)
    found = plan(part.data, home, recipe.seed)
    planned = design(part.experiment, found.held_out, name)
    training = estimate(part.tune, recipe.base, found.train)
    told = summary(found, part.data)
    return {"dataset": told, "design": asdict(planned), "training": asdict(training)}


def lines(found: Figures) -> list[str]:
    """The figures as lines to read."""
    if "corpus" in found:
        return [say("app.check_corpus", **found["corpus"])]
    if "rows" in found:
        return [say("app.check_read", **found["rows"])]
    return [line for part in found["adapters"].values() for line in _part_lines(part)]


def _part_lines(part: Figures) -> list[str]:
    if "rows" in part:
        declared = [say(f"experiment.declared_{name}") for name in part["declared"]]
        return [say("app.check_read", **part["rows"]), *_rows_cost(part), *declared]
    claims = [
        say("app.check_claim", **power, points=100 * power["detectable"])
        for power in part["design"]["hypotheses"]
    ]
    return [say("app.check_rows", **part["dataset"]), _training(part["training"]), *claims]


def _rows_cost(part: Figures) -> list[str]:
    """What the training will take; where that is not known yet, why."""
    if "unknown" in part:
        return [say(f"app.plan_unknown_{part['unknown']}")]
    found = part["training"]
    sampled = found["sampled"] < found["read"]
    told = [_training(found), say("app.plan_before_filters")]
    return [*told, say("app.plan_sampled", **found)] if sampled else told


def _training(found: Figures) -> str:
    return say("app.plan_training", **found, minutes=found["seconds"] / 60)

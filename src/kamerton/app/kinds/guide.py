"""Facts and questions about exhibits, products, documents: known and held out by groups."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from kamerton.app.kinds.kind import DataKind, Figures, Folders, Named, Objective, no_adapter
from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import GuideSettings
from kamerton.formats.jsonl import read_rows
from kamerton.formats.language import say
from kamerton.formats.manifest import StageName
from kamerton.formats.questions import Question
from kamerton.pipeline.graph import Stage

_EXAMPLES = 4
_FILES = ("catalogue", "phrasings", "documents", "questions", "safety")


def _stage(name: StageName, data: GuideSettings, seed: int, home: Path, _: Objective) -> Stage:
    from kamerton.develop.data.guide.run import sources

    chosen = {"data": data.model_dump(mode="json"), "seed": seed}
    return Stage(name, (), chosen, tuple(sources(data, home)), version=4)


def _named(data: GuideSettings) -> Iterator[Named]:
    named = {field: getattr(data, field) for field in _FILES}
    yield from (([field], Path(place)) for field, place in named.items() if place)


def _forecast(recipe: Recipe, name: str, part: Part, home: Path, leaks: bool) -> Figures:
    from kamerton.develop.data.guide.run import plan, summary
    from kamerton.develop.tune.estimate import estimate
    from kamerton.experiment.design import design

    assert isinstance(part.data, GuideSettings)
    found = plan(part.data, home, recipe.seed)
    planned = design(part.experiment, found.held_out, name)
    training = estimate(part.tune, recipe.base, found.train)
    counts = summary(found, part.data)
    return {"dataset": counts, "design": asdict(planned), "training": asdict(training)}


def _lines(found: Figures) -> list[str]:
    claims = [
        say("app.check_claim", **power, points=100 * power["detectable"])
        for power in found["design"]["hypotheses"]
    ]
    training = found["training"]
    cost = say("app.plan_training", **training, minutes=training["seconds"] / 60)
    return [say("app.check_rows", **found["dataset"]), cost, *claims]


def _prepare(data: GuideSettings, home: Path, out: Path, seed: int, _: Objective) -> None:
    from kamerton.develop.data.guide import run as guide

    guide.prepare(data, home, out, seed)


def _compare(recipe: Recipe, name: str, part: Part, at: Folders, base_url: str) -> None:
    from kamerton.experiment.run import compare

    fixed, slots = recipe.deterministic, recipe.slots
    asked = (part.experiment, name, at.data, base_url, at.compare)
    compare(*asked, recipe.seed, fixed, slots, at.tune)


def _examples(data: Path) -> list[str]:
    known = read_rows(data / "known.jsonl", Question)
    step = max(1, len(known) // _EXAMPLES)
    return [question.question for question in known[::step]][:_EXAMPLES]


GUIDE = DataKind(
    stage=_stage,
    named=_named,
    survey=no_adapter,
    forecast=_forecast,
    lines=_lines,
    prepare=_prepare,
    compare=_compare,
    examples=_examples,
)

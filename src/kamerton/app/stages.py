"""The stages of a recipe as a graph: which settings, files and parents each depends on.

A stage is called by what it does; where a recipe makes several adapters, with the adapter's name:
`tune` of one, `tune-code` and `tune-summaries` of two.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.app.kinds import kind_of
from kamerton.app.recipe import Part, Recipe
from kamerton.formats.language import current
from kamerton.formats.manifest import StageName
from kamerton.formats.pretraining import PRETRAINING
from kamerton.formats.scores import SAMPLES, SUMMARY
from kamerton.pipeline.graph import Stage

CHECK, DATA, PRETRAIN, TUNE, EXPORT, COMPARE, REPORT = map(
    StageName, ("check", "data", "pretrain", "tune", "export", "compare", "report")
)
STAGES_OF_ADAPTER = ("check", "data", "tune", "export", "compare")
"""What an adapter's report tells of, in order, called as where there is one adapter."""
PAGE = ("report.html", "model_card.md")
Tree = dict[str, Any]


class Job(BaseModel):
    """What a stage is given: the whole recipe, and where every stage's outputs lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: Recipe
    folder: str
    """The recipe's folder: its paths start here."""
    command: str
    """The `kamerton run` that asked for it, for the report."""
    stages: dict[str, str]
    """Stage name to the folder of its outputs."""

    def out(self, does: str, adapter: str = "") -> Path:
        """Folder of the outputs of a stage, of an adapter's own where there are several."""
        return Path(self.stages[self.recipe.stage(does, adapter)])


def stages(recipe: Recipe, home: Path) -> tuple[Stage, ...]:
    """All stages in their order; whatever is not named here does not make a stage run again."""
    if recipe.parts:
        return _adapters(recipe, home)
    data = kind_of(recipe.data).stage(DATA, recipe.data, recipe.seed, home, "sft")
    made = (Stage(CHECK, (), data.settings, data.sources), data)
    if recipe.pretrain is None:
        return made
    prompts = (home / recipe.pretrain.prompts,) if recipe.pretrain.prompts else ()
    settings = _pick(recipe.model_dump(mode="json"), "pretrain", "seed", "threads")
    trained = Stage(PRETRAIN, (DATA,), settings, prompts, resumes=True)
    report = Stage(REPORT, (CHECK, DATA, PRETRAIN), {"language": current()})
    return (*made, trained, report)


def results(recipe: Recipe) -> dict[str, tuple[StageName, str]]:
    """The files that a run's folder shows: name there to stage and name in the stage."""
    shown = [(file, DATA, file) for file in kind_of(recipe.data).shown]
    if recipe.pretrain:
        shown.append((PRETRAINING, PRETRAIN, PRETRAINING))
        shown += [(file, REPORT, file) for file in PAGE]
    for adapter in recipe.parts:
        dot, slash = (f"{adapter}.", f"{adapter}/") if recipe.adapters else ("", "")
        shown += [(dot + f, recipe.stage(COMPARE, adapter), f) for f in (SUMMARY, SAMPLES)]
        shown += [(dot + file, REPORT, slash + file) for file in PAGE]
    return {name: (stage, file) for name, stage, file in shown}


def _adapters(recipe: Recipe, home: Path) -> tuple[Stage, ...]:
    """Data, training and proof for each adapter; one export, for they are served together."""
    tree, parts = recipe.model_dump(mode="json"), recipe.parts
    data = [_data(recipe, name, part, home) for name, part in parts.items()]
    files = tuple(file for stage in data for file in stage.sources)
    sections = {name: part.model_dump(mode="json") for name, part in parts.items()}
    settings = {"parts": sections} | _pick(tree, "seed", "base")
    check = Stage(CHECK, (), settings, files, version=3)
    weights = (Path(recipe.base),) if Path(recipe.base).is_dir() else ()
    made = (*data, *(_tune(recipe, name, part, weights) for name, part in parts.items()))
    names = {"base": recipe.base, "names": list(parts), "export": tree["export"]}
    export = Stage(EXPORT, tuple(stage.name for stage in made), names, weights, version=4)
    compared = [_compare(recipe, name, part) for name, part in parts.items()]
    before = (check, *made, export, *compared)
    report = Stage(REPORT, tuple(s.name for s in before), {"language": current()}, version=4)
    return (*before, report)


def _data(recipe: Recipe, name: str, part: Part, home: Path) -> Stage:
    stage, objective = recipe.stage(DATA, name), part.tune.objective
    return kind_of(part.data).stage(stage, part.data, recipe.seed, home, objective)


def _tune(recipe: Recipe, name: str, part: Part, weights: tuple[Path, ...]) -> Stage:
    chosen: Tree = {"tune": part.tune.model_dump(mode="json"), "base": recipe.base}
    chosen |= {"seed": recipe.seed, "threads": recipe.threads}
    start = (Path(part.tune.start_from),) if part.tune.start_from else ()  # see `chain`
    stage, parents = recipe.stage(TUNE, name), (recipe.stage(DATA, name),)
    return Stage(stage, parents, chosen, (*weights, *start), version=3, resumes=True)


def _compare(recipe: Recipe, name: str, part: Part) -> Stage:
    served = recipe.serve.model_dump(mode="json")
    settings: Tree = {
        "experiment": part.experiment.model_dump(mode="json"),
        "serve": _pick(served, "slots", "threads", "passages", "retrieval"),
        "name": name,
    }
    settings |= _pick(recipe.model_dump(mode="json"), "threads", "seed", "deterministic")
    parents = (recipe.stage(DATA, name), recipe.stage(TUNE, name), EXPORT)
    return Stage(recipe.stage(COMPARE, name), parents, settings, version=4, resumes=True)


def _pick(tree: Tree, *names: str) -> Tree:
    return {name: tree[name] for name in names}

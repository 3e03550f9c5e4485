"""One trip as a graph: which settings, files and parents each stage depends on.

A stage is called by what it does; where a recipe makes several adapters, with the adapter's name:
`tune` of one, `tune-code` and `tune-summaries` of two.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import CorpusSettings, DataSettings, GuideSettings, RowsSettings
from kamerton.formats.language import current
from kamerton.formats.pretraining import PRETRAINING
from kamerton.pipeline.graph import Planned, Stage

CARD = ("card.html", "card.md", "card.json")
PAGE = ("report.html", "model_card.md")
FIGURES = ("summary.json", "samples.jsonl")
Tree = dict[str, Any]


class Job(BaseModel):
    """What a stage's process is told: the whole recipe, and where every stage's outputs lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: Recipe
    folder: str
    """The recipe's folder: its paths start here."""
    command: str
    """The `kamerton run` that made this trip, for the report."""
    stages: dict[str, str]
    """Stage name to the folder of its outputs."""

    def out(self, stage: str) -> Path:
        """Folder of a stage's outputs."""
        return Path(self.stages[stage])


def name_of(recipe: Recipe, stage: str, adapter: str) -> str:
    """The stage's name for one adapter."""
    return f"{stage}-{adapter}" if recipe.adapters else stage


def stages(recipe: Recipe, folder: Path) -> tuple[Stage, ...]:
    """All stages in their order; whatever is not named here does not make a stage run again."""
    if isinstance(recipe.data, CorpusSettings):
        return _corpus(recipe, recipe.data, folder)
    if not recipe.parts:
        made = _data("data", recipe.data, recipe.seed, folder)
        return (Stage("check", (), made.settings, made.sources), made)
    return _adapters(recipe, folder)


def results(recipe: Recipe) -> dict[str, tuple[str, str]]:
    """The files that a run's folder shows: name there to stage and name in the stage."""
    shown: list[tuple[str, str, str]] = []
    if not isinstance(recipe.data, GuideSettings):
        shown += [(file, "data", file) for file in CARD]
    if recipe.pretrain:
        shown.append((PRETRAINING, "pretrain", PRETRAINING))
        shown += [(file, "report", file) for file in PAGE]
    for adapter in recipe.parts:
        stage = name_of(recipe, "compare", adapter)
        dot, slash = (f"{adapter}.", f"{adapter}/") if recipe.adapters else ("", "")
        shown += [(dot + file, stage, file) for file in FIGURES]
        shown += [(dot + file, "report", slash + file) for file in PAGE]
    return {name: (stage, file) for name, stage, file in shown}


def _corpus(recipe: Recipe, data: CorpusSettings, folder: Path) -> tuple[Stage, ...]:
    """Workers are left out: no result depends on them."""
    from kamerton.develop.data.corpus import run as corpus

    tree = recipe.model_dump(mode="json")
    settings = tree["data"] | {"workers": 0, "source": corpus.source_of(data)}
    chosen = {"data": settings, "seed": recipe.seed, "language": current()}
    table = data.rights.table
    files = (*corpus.local_sources(data, folder), *((folder / table,) if table else ()))
    made = (Stage("check", (), chosen, files), Stage("data", (), chosen, files, version=2))
    if recipe.pretrain is None:
        return made
    prompts = (folder / recipe.pretrain.prompts,) if recipe.pretrain.prompts else ()
    asked = _pick(tree, "pretrain", "seed", "threads")
    trained = Stage("pretrain", ("data",), asked, prompts, resumes=True)
    report = Stage("report", ("check", "data", "pretrain"), {"language": current()})
    return (*made, trained, report)


def _adapters(recipe: Recipe, folder: Path) -> tuple[Stage, ...]:
    """Data, training and proof for each adapter; one export, for they are served together."""
    tree = recipe.model_dump(mode="json")
    parts = recipe.parts
    data = {n: _data_of(recipe, n, part, folder) for n, part in parts.items()}
    files = tuple(file for stage in data.values() for file in stage.sources)
    sections = {name: part.model_dump(mode="json") for name, part in parts.items()}
    asked = {"parts": sections} | _pick(tree, "seed", "base")
    check = Stage("check", (), asked, files, version=3)
    weights = (Path(recipe.base),) if Path(recipe.base).is_dir() else ()
    tuned = [_tune(recipe, name, part, weights) for name, part in parts.items()]
    made = (*data.values(), *tuned)
    names = {"base": recipe.base, "names": list(parts), "export": tree["export"]}
    export = Stage("export", tuple(stage.name for stage in made), names, weights, version=4)
    compared = [_compare(recipe, name, part) for name, part in parts.items()]
    before = (check, *made, export, *compared)
    report = Stage("report", tuple(s.name for s in before), {"language": current()}, version=4)
    return (*before, report)


def _data_of(recipe: Recipe, name: str, part: Part, folder: Path) -> Stage:
    made = _data(name_of(recipe, "data", name), part.data, recipe.seed, folder)
    if part.tune.objective == "sft":
        return made
    return replace(made, settings={**(made.settings or {}), "objective": part.tune.objective})


def _data(name: str, data: DataSettings, seed: int, folder: Path) -> Stage:
    chosen = {"data": data.model_dump(mode="json"), "seed": seed}
    if isinstance(data, RowsSettings):
        from kamerton.develop.data.rows import run as rows

        # What a teacher wrote before a kill is paid for: the stage resumes.
        files = tuple(rows.local_sources(data, folder))
        settings = chosen | {"language": current()}
        return Stage(name, (), settings, files, version=2 if data.synth else 1, resumes=True)
    from kamerton.develop.data.guide.run import sources

    assert isinstance(data, GuideSettings)
    return Stage(name, (), chosen, tuple(sources(data, folder)), version=4)


def _tune(recipe: Recipe, name: str, part: Part, weights: Sequence[Path]) -> Stage:
    chosen: Tree = {"tune": part.tune.model_dump(mode="json"), "base": recipe.base}
    chosen |= {"seed": recipe.seed, "threads": recipe.threads}
    start = (Path(part.tune.start_from),) if part.tune.start_from else ()  # see `starts`
    parents = (name_of(recipe, "data", name),)
    sources = (*weights, *start)
    stage = name_of(recipe, "tune", name)
    return Stage(stage, parents, chosen, sources, version=3, resumes=True)


def _compare(recipe: Recipe, name: str, part: Part) -> Stage:
    served = recipe.serve.model_dump(mode="json")
    engine = _pick(served, "slots", "threads", "passages", "retrieval")
    asked: Tree = {
        "experiment": part.experiment.model_dump(mode="json"),
        "serve": engine,
        "name": name,
    }
    asked |= {"threads": recipe.threads, "seed": recipe.seed, "deterministic": recipe.deterministic}
    parents = (name_of(recipe, "data", name), name_of(recipe, "tune", name), "export")
    stage = name_of(recipe, "compare", name)
    return Stage(stage, parents, asked, version=4, resumes=True)


def _pick(tree: Tree, *names: str) -> Tree:
    return {name: tree[name] for name in names}


def command(item: Planned, job: Job) -> list[str]:
    """The command line of one stage's process."""
    program = [sys.executable, "-m", "kamerton.cli.main", "stage"]
    return [*program, item.name, job.model_dump_json()]

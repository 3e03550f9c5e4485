"""One trip as a graph: which settings, files and parents each stage depends on."""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.cli.recipe import Recipe
from kamerton.develop.settings import CorpusSettings, GuideSettings, RowsSettings
from kamerton.formats.language import current
from kamerton.pipeline.graph import Planned, Stage

ORDER = ("check", "data", "tune", "export", "compare", "report")
"""The trip of a guide: from texts to a model that is proved and served."""
_CARD = (("data", "card.html"), ("data", "card.md"), ("data", "card.json"))
RESULTS: dict[str, tuple[tuple[str, str], ...]] = {
    "guide": (
        ("report", "report.html"),
        ("report", "model_card.md"),
        ("compare", "summary.json"),
        ("compare", "samples.jsonl"),
    ),
    "corpus": _CARD,
    "rows": _CARD,
}
"""Kind of data to the files, with their stages, that a run's folder shows."""


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


def stages(recipe: Recipe, folder: Path) -> tuple[Stage, ...]:
    """All stages in their order; whatever is not named here does not make a stage run again."""
    if isinstance(recipe.data, CorpusSettings):
        return _corpus(recipe, recipe.data, folder)
    if isinstance(recipe.data, RowsSettings):
        return _rows(recipe, recipe.data, folder)
    return _guide(recipe, recipe.data, folder)


def _rows(recipe: Recipe, data: RowsSettings, folder: Path) -> tuple[Stage, ...]:
    """The data stage resumes: what a teacher wrote before a kill is paid for."""
    from kamerton.develop.data.rows import run as rows

    tree = recipe.model_dump(mode="json")
    chosen = {"data": tree["data"], "seed": recipe.seed, "language": current()}
    files = tuple(rows.local_sources(data, folder))
    return (Stage("check", (), chosen, files), Stage("data", (), chosen, files, resumes=True))


def _corpus(recipe: Recipe, data: CorpusSettings, folder: Path) -> tuple[Stage, ...]:
    """Workers are left out: no result depends on them."""
    from kamerton.develop.data.corpus import run as corpus

    tree = recipe.model_dump(mode="json")
    settings = tree["data"] | {"workers": 0, "source": corpus.source_of(data)}
    chosen = {"data": settings, "seed": recipe.seed, "language": current()}
    table = data.rights.table
    files = (*corpus.local_sources(data, folder), *((folder / table,) if table else ()))
    return (Stage("check", (), chosen, files), Stage("data", (), chosen, files))


def _guide(recipe: Recipe, data: GuideSettings, folder: Path) -> tuple[Stage, ...]:
    from kamerton.develop.data.guide.run import sources

    tree = recipe.model_dump(mode="json")
    files = tuple(sources(data, folder))
    weights = (Path(recipe.base),) if Path(recipe.base).is_dir() else ()
    engine = {key: tree["serve"][key] for key in ("slots", "threads", "passages", "retrieval")}
    asked = {"experiment": tree["experiment"], "serve": engine, "threads": recipe.threads}
    base = _pick(tree, "base", "name")
    return (
        Stage("check", (), _pick(tree, "data", "tune", "experiment", "seed", "base"), files),
        Stage("data", (), _pick(tree, "data", "seed"), files, version=4),
        Stage(
            "tune", ("data",), _pick(tree, "tune", "base", "seed", "threads"), weights, resumes=True
        ),
        Stage("export", ("data", "tune"), base | _pick(tree, "export"), weights, version=2),
        Stage(
            "compare",
            ("data", "export"),
            asked | _pick(tree, "seed", "deterministic", "name"),
            version=2,
            resumes=True,
        ),
        Stage("report", ORDER[:-1], {"language": current()}),
    )


def _pick(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: tree[name] for name in names}


def command(item: Planned, job: Job) -> list[str]:
    """The command line of one stage's process."""
    program = [sys.executable, "-m", "kamerton.cli.main", "stage"]
    return [*program, item.name, job.model_dump_json()]

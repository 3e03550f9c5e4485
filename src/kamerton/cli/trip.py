"""One trip as a graph: which settings, files and parents each stage depends on."""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.cli.recipe import Recipe
from kamerton.develop.data.run import sources
from kamerton.formats.language import current
from kamerton.pipeline.graph import Planned, Stage

ORDER = ("check", "data", "tune", "export", "compare", "report")


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
    tree = recipe.model_dump(mode="json")
    files = tuple(sources(recipe.data, folder))
    weights = (Path(recipe.base),) if Path(recipe.base).is_dir() else ()
    engine = {key: tree["serve"][key] for key in ("slots", "threads", "passages")}
    asked = {"experiment": tree["experiment"], "serve": engine, "threads": recipe.threads}
    base = _pick(tree, "base", "name")
    return (
        Stage("check", (), _pick(tree, "data", "tune", "experiment", "seed", "base"), files),
        Stage("data", (), _pick(tree, "data", "seed"), files, version=2),
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

"""All runs of the working folder, finished or not, as `kamerton runs ls` lists them."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kamerton.app.follow import Condition, Work, works
from kamerton.formats.jsonl import read_text
from kamerton.formats.scores import SUMMARY
from kamerton.pipeline import folder as folders

PAGES = ("report.html", "card.html")


@dataclass(frozen=True)
class Listed:
    """One run."""

    run: str
    """`museum/3`; the recipe's name alone while it is not finished."""
    state: Condition
    at: datetime
    """When it ended; of one that is not finished, when it was begun."""
    base: str
    """The base model as the recipe names it; of a folder its last part."""
    claims: bool
    """False where the run claims no verdict, whatever its figures."""
    verdicts: dict[str, str]
    """Primary hypotheses with their verdicts, with the adapter's name where there are several."""
    reports: list[Path]
    """Its pages; none before it is finished."""
    work: Work | None = None
    """Of a run that is not finished: how it goes on."""

    def tree(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "run": self.run,
            "state": self.state,
            "at": self.at.isoformat(timespec="seconds"),
            "base": self.base,
            "verdicts": self.verdicts,
            "claims_verdict": self.claims,
            "reports": [str(path) for path in self.reports],
        }


def listed(root: Path = folders.ROOT) -> list[Listed]:
    """All runs, by recipe, oldest first; after a recipe's finished ones those that are not."""
    names = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    return [
        one
        for name in names
        if not name.startswith(".")
        for one in (*map(finished, folders.runs_of(root, name)), *map(_begun, works(name, root)))
    ]


def finished(run: Path) -> Listed:
    """A run that has its folder; InputError where a file of it cannot be read."""
    recipe = json.loads(read_text(run / folders.RECIPE)) if (run / folders.RECIPE).is_file() else {}
    verdicts, claims = dict[str, str](), True
    for path in sorted(run.glob(f"*{SUMMARY}")):
        summary = json.loads(read_text(path))
        claims = claims and summary["claims_verdict"]
        adapter = path.name.removesuffix(SUMMARY).rstrip(".")
        for one in summary["comparisons"]:
            if one["family"] == "primary":
                name = f"{adapter}: {one['name']}" if adapter else one["name"]
                verdicts[name] = one["verdict"]
    return Listed(
        run=f"{run.parent.name}/{run.name}",
        state="finished",
        at=datetime.fromtimestamp((run / folders.RUN).stat().st_mtime),
        base=short_base(recipe.get("base", "") if "tune" in _does(run) else ""),
        claims=claims,
        verdicts=verdicts,
        reports=sorted(path for page in PAGES for path in run.glob(f"*{page}")),
    )


def _does(run: Path) -> set[str]:
    return {name.does for name in folders.read_run(run).folders(run)}


def _begun(work: Work) -> Listed:
    at = datetime.fromtimestamp(work.since)
    return Listed(work.title, work.condition, at, short_base(work.base), True, {}, [], work)


def short_base(base: str) -> str:
    """A base as a line has room for it: of a folder its last part."""
    return Path(base).name if Path(base).is_absolute() or Path(base).is_dir() else base

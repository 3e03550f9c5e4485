"""A finished run as `judge`, `rating`, `gate` and `compare` take it: RUN, or RUN#ARM."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.recipe import validate
from kamerton.formats.serving import RAG
from kamerton.pipeline.folder import RECIPE, RunRecord, read_run, resolve_run

if TYPE_CHECKING:
    from kamerton.experiment.finished import Finished


@dataclass(frozen=True)
class Place:
    """Where one adapter's files of a run lie."""

    run: Path
    record: RunRecord
    recipe: dict[str, Any]
    """The resolved recipe, as the run's folder has it."""
    adapter: str
    """Which of several adapters; empty where there is one."""
    arm: str

    @property
    def prefix(self) -> str:
        """How the names of the adapter's files begin."""
        return f"{self.adapter}." if self.adapter else ""

    @property
    def out(self) -> Path:
        """The folder for what is found out about the run later."""
        return self.run / self.adapter if self.adapter else self.run

    @property
    def part(self) -> dict[str, Any]:
        """The recipe with the adapter's own sections in place."""
        if not self.adapter:
            return self.recipe
        own: dict[str, Any] = self.recipe["adapters"][self.adapter]
        return self.recipe | own | {"adapters": {}}

    def with_arm(self, arm: str) -> "Place":
        """Another arm of the same run."""
        return replace(self, arm=arm)

    def stage(self, does: str) -> Path | None:
        """Folder of the adapter's own data, tune or compare stage; None where there is none."""
        name = f"{does}-{self.adapter}" if self.adapter else does
        there = name in self.record.stages
        return self.record.stage(self.run, name) if there else None

    @property
    def label(self) -> str:
        """How the run is called: `museum/3`, with its arm where that is not the tuned model."""
        name = f"{self.run.parent.name}/{self.run.name}"
        own = self.adapter or self.recipe.get("name")
        return name if self.arm == own and not self.adapter else f"{name}#{self.arm}"


def place_of(text: str) -> Place:
    """The run and the arm that RUN or RUN#ARM names; the tuned model where no arm is named.

    InputError where there is no such run, or it has several adapters and none is named.
    """
    name, _, arm = text.partition("#")
    run = resolve_run(name)
    recipe = json.loads(read_text(run / RECIPE))
    adapters = list(recipe.get("adapters") or {})
    adapter = arm.removesuffix(RAG) if adapters else ""
    if adapters and adapter not in adapters:
        raise InputError("app.which_adapter", where=text, run=name, known=", ".join(adapters))
    return Place(run, read_run(run), recipe, adapter, arm or str(recipe.get("name", "")))


def read(place: Place) -> "Finished":
    """What the run found: its answers and its summary."""
    from kamerton.experiment.finished import read_finished
    from kamerton.experiment.settings import ExperimentSettings

    told = place.part.get("experiment") or {}
    settings = validate(told, ExperimentSettings, place.run / RECIPE)
    return read_finished(
        place.run, place.prefix, place.label, place.arm, settings, place.stage("tune")
    )

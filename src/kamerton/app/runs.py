"""Finished runs: what `judge`, `rating`, `gate` and `compare` take, RUN or RUN#ARM, and reports."""

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kamerton.app.recipe import OWN_STAGES, Recipe
from kamerton.app.stages import STAGES_OF_ADAPTER
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_model, read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import StageName
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
        sections: dict[str, Any] = self.recipe["adapters"][self.adapter]
        return self.recipe | sections | {"adapters": {}}

    def with_arm(self, arm: str) -> "Place":
        """Another arm of the same run."""
        return replace(self, arm=arm)

    def stage(self, does: str) -> Path | None:
        """Outputs of a stage, of the adapter's own where it has one; None where there are none."""
        name = StageName.of(does, self.adapter if does in OWN_STAGES else "")
        return self.record.stage(self.run, name) if name in self.record.stages else None

    @property
    def label(self) -> str:
        """How the run is called: `museum/3`, with its arm where that is not the tuned model."""
        name = f"{self.run.parent.name}/{self.run.name}"
        tuned = self.adapter or self.recipe.get("name")
        return name if self.arm == tuned and not self.adapter else f"{name}#{self.arm}"


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


def recipe_of(run: Path) -> Recipe:
    """The resolved recipe of a run; InputError where another version of Kamerton wrote it."""
    return read_model(run / RECIPE, Recipe)


def read(place: Place) -> "Finished":
    """What the run found: its answers and its summary."""
    from kamerton.experiment.finished import read_finished
    from kamerton.experiment.settings import ExperimentSettings

    section = place.part.get("experiment") or {}
    settings = validate(section, ExperimentSettings, place.run / RECIPE)
    return read_finished(
        place.run, place.prefix, place.label, place.arm, settings, place.stage("tune")
    )


def report_again(place: Place) -> Path | None:
    """Write the run's page and card anew; the page's path, or None where the run has no page.

    Stages stay as they are: the page in the run's folder is a copy, and this is a newer one, with
    what a judge and people have said since.
    """
    from kamerton.develop.hub import licence_of
    from kamerton.experiment.report.run import CARD, REPORT, ReportInputs, report

    page = place.run / f"{place.prefix}{REPORT}"
    there = {does: place.stage(does) for does in STAGES_OF_ADAPTER}
    stages = {does: str(folder) for does, folder in there.items() if folder and folder.is_dir()}
    if not page.is_file() or not {"data", "compare"} <= stages.keys():
        return None
    made = [place.record.recipe_file, *place.record.options]
    name = place.adapter or place.record.recipe
    command = shlex.join(["kamerton", "run", *made])
    kind, licence = place.part["data"]["kind"], licence_of(str(place.recipe.get("base", "")))
    inputs = ReportInputs(kind, name, place.part, command, stages, place.out, licence)
    with TemporaryDirectory() as folder:
        report(inputs, Path(folder))
        for file in (REPORT, CARD):
            write_text(place.run / f"{place.prefix}{file}", read_text(Path(folder) / file))
    return page


def dataset_faults(run: str) -> list[str]:
    """What no dataset should be used with, of all data stages of a run, in words."""
    place = resolve_run(run)
    faults = []
    for data in read_run(place).by_adapter(place, "data").values():
        leaks, card = data / "leaks.json", data / "card.json"
        blocking = json.loads(read_text(leaks))["blocking"] if leaks.is_file() else []
        if blocking:
            faults.append(say("app.data_leaks", count=len(blocking), path=leaks))
        counts = json.loads(read_text(card)) if card.is_file() else {}
        if "works" in counts:
            spent = counts["kept"] + counts["repaired"] + sum(counts["dropped"].values())
            if spent != counts["read"]:
                faults.append(say("app.data_unaccounted", missing=counts["read"] - spent))
    return faults

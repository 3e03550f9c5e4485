"""Everything that a report is made of, read from the finished stages."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kamerton.experiment import lineage
from kamerton.experiment.design import Design, design
from kamerton.experiment.run import read_questions
from kamerton.experiment.settings import ExperimentSettings
from kamerton.experiment.voices import Voice, voices
from kamerton.formats.jsonl import read_rows, read_text
from kamerton.formats.manifest import Manifest
from kamerton.formats.manifest import read as read_manifest
from kamerton.formats.questions import Question
from kamerton.formats.scores import SAMPLES, SUMMARY, Sample, Summary
from kamerton.formats.serving import FILE as SERVING
from kamerton.formats.serving import ServingSpec


@dataclass(frozen=True)
class ReportInputs:
    """What the report stage is told."""

    name: str
    """Name of the recipe and of the tuned arm."""
    recipe: dict[str, Any]
    """The resolved recipe."""
    command: str
    """The command that made this run."""
    stages: dict[str, str]
    """Stage name to the folder of its outputs; data must be there, and compare or pretrain."""
    beside: Path | None = None
    """The run's folder, where judge.json and ratings.json may lie; None for a run's first page."""

    @property
    def folders(self) -> dict[str, Path]:
        """Stage name to folder."""
        return {stage: Path(folder) for stage, folder in self.stages.items()}


@dataclass(frozen=True)
class Trip:
    """What every report shows: how it was made."""

    name: str
    recipe: dict[str, Any]
    command: str
    manifests: dict[str, Manifest]
    """Finished stages in their order."""


@dataclass(frozen=True)
class Compared(Trip):
    """What a report of a comparison shows, whatever was compared."""

    summary: Summary
    samples: list[Sample]
    base: str
    """Name of the base model, as its maker calls it where that is known."""
    training: dict[str, Any]
    parity: dict[str, Any]
    voices: list[Voice] = field(default_factory=list, kw_only=True)
    """What a judge model and people said later."""

    @property
    def settings(self) -> ExperimentSettings:
        """The recipe's section about the comparison."""
        return settings_of(self.recipe)


@dataclass(frozen=True)
class Material(Compared):
    """What a guide's report shows, in memory."""

    questions: list[Question]
    design: Design


def load(inputs: ReportInputs) -> Material:
    """Read what the stages left; tune and export may be missing (a comparison alone)."""
    questions = read_questions(inputs.folders["data"])
    planned = design(settings_of(inputs.recipe), questions, inputs.name)
    return Material(**vars(compared(inputs)), questions=questions, design=planned)


def compared(inputs: ReportInputs) -> Compared:
    """What every comparison leaves, whatever was compared."""
    folders = inputs.folders
    samples = folders["compare"] / SAMPLES
    told = Summary.model_validate_json(read_text(folders["compare"] / SUMMARY))
    # Read again, whatever the comparison found.
    unfit = lineage.of_comparison(folders["data"], folders.get("tune"), told.arms, inputs.name)
    summary = lineage.silenced(told, unfit)
    return Compared(
        **vars(trip(inputs)),
        summary=summary,
        # A comparison of losses alone asked nothing.
        samples=read_rows(samples, Sample) if samples.stat().st_size else [],
        base=_base(folders.get("export"), inputs.recipe),
        training=figures(folders.get("tune"), "training.json"),
        parity=figures(folders.get("export"), "parity.json"),
        voices=voices(inputs.beside, summary.claims_verdict),
    )


def trip(inputs: ReportInputs) -> Trip:
    """The recipe, and the manifests of the stages that are finished."""
    found = {stage: read_manifest(folder) for stage, folder in inputs.folders.items()}
    done = {stage: manifest for stage, manifest in found.items() if manifest}
    return Trip(inputs.name, inputs.recipe, inputs.command, done)


def settings_of(recipe: dict[str, Any]) -> ExperimentSettings:
    """The recipe's section about the comparison."""
    return ExperimentSettings.model_validate(recipe.get("experiment") or {})


def _base(export: Path | None, recipe: dict[str, Any]) -> str:
    if export and (export / SERVING).is_file():
        return ServingSpec.model_validate_json(read_text(export / SERVING)).base_name
    return str(recipe.get("base", ""))


def figures(folder: Path | None, name: str) -> dict[str, Any]:
    """A JSON file of figures; empty where there is none."""
    if not folder or not (folder / name).is_file():
        return {}
    found = json.loads(read_text(folder / name))
    return found if isinstance(found, dict) else {}

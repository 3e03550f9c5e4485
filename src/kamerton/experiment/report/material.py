"""Everything that a report is made of, read from the finished stages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.experiment.design import Design, design
from kamerton.experiment.run import read_questions
from kamerton.experiment.settings import ExperimentSettings
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
    """Stage name to the folder of its outputs; data and compare must be there."""


@dataclass(frozen=True)
class Material:
    """What a report shows, in memory."""

    name: str
    recipe: dict[str, Any]
    command: str
    summary: Summary
    samples: list[Sample]
    questions: list[Question]
    design: Design
    manifests: dict[str, Manifest]
    """Finished stages in their order."""
    base: str
    """Name of the base model, as its maker calls it where that is known."""
    training: dict[str, Any]
    parity: dict[str, Any]

    @property
    def settings(self) -> ExperimentSettings:
        """The recipe's section about the comparison."""
        return ExperimentSettings.model_validate(self.recipe.get("experiment", {}))


def load(inputs: ReportInputs) -> Material:
    """Read what the stages left; tune and export may be missing (a comparison alone)."""
    folders = {stage: Path(folder) for stage, folder in inputs.stages.items()}
    questions = read_questions(folders["data"])
    settings = ExperimentSettings.model_validate(inputs.recipe.get("experiment", {}))
    found = {stage: read_manifest(folder) for stage, folder in folders.items()}
    return Material(
        name=inputs.name,
        recipe=inputs.recipe,
        command=inputs.command,
        summary=Summary.model_validate_json(read_text(folders["compare"] / SUMMARY)),
        samples=read_rows(folders["compare"] / SAMPLES, Sample),
        questions=questions,
        design=design(settings, questions, inputs.name),
        manifests={stage: manifest for stage, manifest in found.items() if manifest},
        base=_base(folders.get("export"), inputs.recipe),
        training=_figures(folders.get("tune"), "training.json"),
        parity=_figures(folders.get("export"), "parity.json"),
    )


def _base(export: Path | None, recipe: dict[str, Any]) -> str:
    if export and (export / SERVING).is_file():
        return ServingSpec.model_validate_json(read_text(export / SERVING)).base_name
    return str(recipe.get("base", ""))


def _figures(folder: Path | None, name: str) -> dict[str, Any]:
    if not folder or not (folder / name).is_file():
        return {}
    found = json.loads(read_text(folder / name))
    return found if isinstance(found, dict) else {}

"""What a report is made of, read from the stages of a finished run."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kamerton.experiment import lineage
from kamerton.experiment.report.feedback import Feedback, read_feedback
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.jsonl import read_model, read_rows, read_text
from kamerton.formats.manifest import Manifest
from kamerton.formats.manifest import read as read_manifest
from kamerton.formats.scores import SAMPLES, SUMMARY, Sample, Summary
from kamerton.formats.serving import FILE as SERVING
from kamerton.formats.serving import ServingSpec

Kind = Literal["guide", "rows", "corpus"]
"""What the data stage made: questions about subjects, rows of chats, or a corpus of texts."""
CHECKS = "checks.json"


@dataclass(frozen=True)
class ReportInputs:
    """What the report stage reads, and what made the run."""

    kind: Kind
    name: str
    """Name of the recipe and of the tuned arm."""
    recipe: dict[str, Any]
    """The resolved recipe."""
    command: str
    """The command that made this run."""
    stages: dict[str, str]
    """Stage name to the folder of its outputs; data must be there, and compare or pretrain."""
    run: Path | None = None
    """The run's folder, where judge.json and ratings.json may lie; None for a run's first page."""
    licence: str = ""
    """Of the base, as its maker states it; empty where that is not known."""

    @property
    def folders(self) -> dict[str, Path]:
        """Stage name to folder."""
        return {stage: Path(folder) for stage, folder in self.stages.items()}


@dataclass(frozen=True)
class Run:
    """What every report shows: how the run was made."""

    name: str
    recipe: dict[str, Any]
    command: str
    manifests: dict[str, Manifest]
    """Finished stages in their order."""
    licence: str = field(default="", kw_only=True)
    datasets: list[str] = field(default_factory=list, kw_only=True)
    """Sets of the hub that the data stage read, by their ids."""

    @property
    def sources(self) -> list[tuple[str, str]]:
        """Every file outside the run that any stage read, with its SHA-256."""
        return sorted({k: v for m in self.manifests.values() for k, v in m.sources.items()}.items())

    @property
    def versions(self) -> dict[str, str]:
        """Software versions that the stages noted."""
        return {k: v for m in self.manifests.values() for k, v in m.versions.items()}


@dataclass(frozen=True)
class ComparedRun(Run):
    """What a report of a comparison shows, whatever was compared."""

    summary: Summary
    samples: list[Sample]
    base: str
    """Name of the base model, as its maker calls it where that is known."""
    training: dict[str, Any]
    parity: dict[str, Any]
    feedback: list[Feedback] = field(default_factory=list, kw_only=True)
    """What a judge model and people said later."""

    @property
    def settings(self) -> ExperimentSettings:
        """The recipe's section about the comparison."""
        return ExperimentSettings.model_validate(self.recipe.get("experiment") or {})


def read_run(inputs: ReportInputs) -> Run:
    """The recipe, and the manifests of the stages that are finished."""
    manifests = {stage: read_manifest(folder) for stage, folder in inputs.folders.items()}
    finished = {stage: manifest for stage, manifest in manifests.items() if manifest}
    card = read_json(inputs.folders.get("data"), "card.json")
    return Run(
        inputs.name,
        inputs.recipe,
        inputs.command,
        finished,
        licence=inputs.licence,
        datasets=list(card.get("datasets") or []),
    )


def read_compared(inputs: ReportInputs) -> ComparedRun:
    """What every comparison leaves; tune and export may be missing (a comparison alone)."""
    folders = inputs.folders
    samples = folders["compare"] / SAMPLES
    summary = read_model(folders["compare"] / SUMMARY, Summary)
    serving = folders["export"] / SERVING if "export" in folders else None
    served = read_model(serving, ServingSpec) if serving and serving.is_file() else None
    # The lineage is read again: leaks may have come to light since the comparison.
    unfit = lineage.of_comparison(folders["data"], folders.get("tune"), summary.arms, inputs.name)
    return ComparedRun(
        **vars(read_run(inputs)),
        summary=lineage.silenced(summary, unfit),
        # A comparison of losses alone asked nothing.
        samples=read_rows(samples, Sample) if samples.stat().st_size else [],
        base=served.base_name if served else str(inputs.recipe.get("base", "")),
        training=read_json(folders.get("tune"), "training.json"),
        parity=read_json(folders.get("export"), "parity.json"),
        feedback=read_feedback(inputs.run, summary.claims_verdict and not unfit),
    )


def read_json(folder: Path | None, name: str) -> dict[str, Any]:
    """A JSON file of figures; empty where there is none."""
    if not folder or not (folder / name).is_file():
        return {}
    figures = json.loads(read_text(folder / name))
    return figures if isinstance(figures, dict) else {}


def scalars(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The entries that are one figure or word, as they stand in the file."""
    plain = {k: v for k, v in figures.items() if not isinstance(v, dict | list)}
    return [(key, str(value)) for key, value in plain.items()]

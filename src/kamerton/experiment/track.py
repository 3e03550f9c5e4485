"""A finished run in MLflow: its recipe, its figures, its files, and what it was made of.

By default a SQLite store beside the runs; `MLFLOW_TRACKING_URI` names another. MLflow's own
telemetry is off: nothing leaves for anybody but that store.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import read as read_manifest
from kamerton.formats.pretraining import PRETRAINING, Pretraining
from kamerton.formats.scores import SUMMARY, Summary

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOME, STORE, RECORD = ".mlflow", "mlflow.db", "tracking.json"
_LONGEST = 500
"""Characters of a value that MLflow keeps."""


@dataclass(frozen=True)
class Run:
    """One finished run of a recipe."""

    recipe: str
    number: str
    settings: Mapping[str, Any]
    """The resolved recipe."""
    folder: Path
    """With the files that a reader wants to see."""
    stages: Mapping[str, Path]


@dataclass(frozen=True)
class Value:
    """One figure, of one step where it has several."""

    name: str
    value: float
    step: int = 0


def track(run: Run, root: Path) -> str | None:
    """Write a run into MLflow and tracking.json beside it; None where MLflow is not installed.

    `root` is the folder of all runs. A run that was tracked before is not written again.
    """
    if find_spec("mlflow") is None:
        return None
    if (run.folder / RECORD).is_file():
        return str(json.loads(read_text(run.folder / RECORD))["mlflow_run_id"])
    client = _client(root)
    made = client.create_run(_experiment(client, run.recipe, root), run_name=_title(run))
    _write(client, made.info.run_id, run)
    client.set_terminated(made.info.run_id)
    write_text(run.folder / RECORD, json.dumps({"mlflow_run_id": made.info.run_id}) + "\n")
    return str(made.info.run_id)


def _client(root: Path) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # the import sets it back
    home = (root / HOME).resolve()
    home.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / STORE}"
    return MlflowClient(tracking_uri=uri)


def _experiment(client: "MlflowClient", name: str, root: Path) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    # A store of our own keeps its files beside it; a server decides for itself.
    location = (
        None
        if os.environ.get("MLFLOW_TRACKING_URI")
        else (root / HOME / "files").resolve().as_uri()
    )
    return str(client.create_experiment(name, artifact_location=location))


def _title(run: Run) -> str:
    return f"{run.recipe}/{run.number}"


def _write(client: "MlflowClient", run_id: str, run: Run) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(_name(v.name), v.value, now, v.step) for v in figures(run.stages)]
    params = [Param(_name(name), text[:_LONGEST]) for name, text in leaves(run.settings)]
    tags = [RunTag(name, text) for name, text in lineage(run).items()]
    for start in range(0, max(len(metrics), len(params)), 100):
        part = slice(start, start + 100)
        client.log_batch(run_id, metrics[part], params[part], tags if start == 0 else [])
    for path in sorted(p for p in run.folder.iterdir() if p.is_file()):
        client.log_artifact(run_id, str(path))


def _name(name: str) -> str:
    """The name with the letters that MLflow allows."""
    return re.sub(r"[^\w./ -]", "_", name)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The values of a recipe by dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def lineage(run: Run) -> dict[str, str]:
    """Which stages the run is made of, by their hashes, and which files each of them read."""
    manifests = {name: read_manifest(folder) for name, folder in run.stages.items()}
    finished = {name: manifest for name, manifest in manifests.items() if manifest}
    tags = {f"stage.{name}": manifest.hash for name, manifest in finished.items()}
    sources = {file for manifest in finished.values() for file in manifest.sources}
    return {"kamerton.run": _title(run), **tags, "sources": str(len(sources))}


def figures(stages: Mapping[str, Path]) -> Iterator[Value]:
    """All figures that the stages left: losses by step, effects of comparisons, seconds."""
    for name, folder in stages.items():
        manifest = read_manifest(folder)
        if manifest:
            yield Value(f"{name}.seconds", manifest.seconds)
        for file, read in _READERS.items():
            if (folder / file).is_file():
                for of in read(read_text(folder / file)):
                    yield Value(f"{name}.{of.name}", of.value, of.step)


def _training(text: str) -> Iterator[Value]:
    training = json.loads(text)
    for step, loss in enumerate(training.get("loss", []), start=1):
        yield Value("loss", float(loss), step)
    for name, value in training.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Value(name, float(value))


def _pretraining(text: str) -> Iterator[Value]:
    pretraining = Pretraining.model_validate_json(text)
    for step, loss in pretraining.loss:
        yield Value("loss", loss, step)
    for of in pretraining.evaluations:
        yield Value("held_out_loss", of.loss, of.step)
        yield Value("held_out_nats_per_character", of.nats_per_character, of.step)
    if pretraining.ratio_to_ngram is not None:
        yield Value("ratio_to_ngram", pretraining.ratio_to_ngram)


def _summary(text: str) -> Iterator[Value]:
    for of in Summary.model_validate_json(text).comparisons:
        name = f"{of.name}.{of.criterion}"
        yield Value(f"{name}.effect", of.effect.mean)
        yield Value(f"{name}.p_holm", of.p_holm)


_READERS = {"training.json": _training, PRETRAINING: _pretraining, SUMMARY: _summary}

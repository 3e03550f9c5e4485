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

HOME, STORE, RECORD, URI = ".mlflow", "mlflow.db", "tracking.json", "MLFLOW_TRACKING_URI"
_LONGEST, _BATCH = 500, 100
"""Characters of a value, and entries of a request, that MLflow takes."""
Figure = tuple[str, float, int]
"""Name, value, and step: 0 where there is one value only."""


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

    @property
    def title(self) -> str:
        """How the run is called."""
        return f"{self.recipe}/{self.number}"


def track(run: Run, root: Path) -> str | None:
    """Write a run into MLflow and tracking.json beside it; None where MLflow is not installed.

    `root` is the folder of all runs. A run that was tracked before is not written again.
    """
    if find_spec("mlflow") is None:
        return None
    record = run.folder / RECORD
    if record.is_file():
        return str(json.loads(read_text(record))["mlflow_run_id"])
    home = (root / HOME).resolve()
    client = _client(home)
    experiment = client.get_experiment_by_name(run.recipe)
    if experiment is not None:
        experiment_id = experiment.experiment_id
    else:
        # A store beside the runs keeps its files there too; a server decides for itself.
        files = None if os.environ.get(URI) else (home / "files").as_uri()
        experiment_id = client.create_experiment(run.recipe, artifact_location=files)
    run_id = str(client.create_run(experiment_id, run_name=run.title).info.run_id)
    _write(client, run_id, run)
    client.set_terminated(run_id)
    write_text(record, json.dumps({"mlflow_run_id": run_id}) + "\n")
    return run_id


def _client(home: Path) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # the import sets it back
    home.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=os.environ.get(URI) or f"sqlite:///{home / STORE}")


def _write(client: "MlflowClient", run_id: str, run: Run) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(_allowed(n), value, now, step) for n, value, step in figures(run.stages)]
    params = [Param(_allowed(name), text[:_LONGEST]) for name, text in leaves(run.settings)]
    tags = [RunTag(name, text) for name, text in lineage(run).items()]
    for start in range(0, max(len(metrics), len(params)), _BATCH):
        part = slice(start, start + _BATCH)
        client.log_batch(run_id, metrics[part], params[part], tags if start == 0 else [])
    for path in sorted(p for p in run.folder.iterdir() if p.is_file()):
        client.log_artifact(run_id, str(path))


def _allowed(name: str) -> str:
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
    """Which stages the run is made of, by their hashes, and how many files they read."""
    manifests = {name: read_manifest(folder) for name, folder in run.stages.items()}
    finished = {name: manifest for name, manifest in manifests.items() if manifest}
    tags = {f"stage.{name}": manifest.hash for name, manifest in finished.items()}
    sources = {file for manifest in finished.values() for file in manifest.sources}
    return {"kamerton.run": run.title, **tags, "sources": str(len(sources))}


def figures(stages: Mapping[str, Path]) -> Iterator[Figure]:
    """All figures that the stages left: losses by step, effects of comparisons, seconds."""
    for stage, folder in stages.items():
        manifest = read_manifest(folder)
        if manifest:
            yield f"{stage}.seconds", manifest.seconds, 0
        for file, read in _READERS.items():
            if (folder / file).is_file():
                for name, value, step in read(read_text(folder / file)):
                    yield f"{stage}.{name}", value, step


def _training(text: str) -> Iterator[Figure]:
    training = json.loads(text)
    for step, loss in enumerate(training.get("loss", []), start=1):
        yield "loss", float(loss), step
    for name, value in training.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value), 0


def _pretraining(text: str) -> Iterator[Figure]:
    pretraining = Pretraining.model_validate_json(text)
    for step, loss in pretraining.loss:
        yield "loss", loss, step
    for one in pretraining.evaluations:
        yield "held_out_loss", one.loss, one.step
        yield "held_out_nats_per_character", one.nats_per_character, one.step
    if pretraining.ratio_to_ngram is not None:
        yield "ratio_to_ngram", pretraining.ratio_to_ngram, 0


def _summary(text: str) -> Iterator[Figure]:
    for one in Summary.model_validate_json(text).comparisons:
        yield f"{one.name}.{one.criterion}.effect", one.effect.mean, 0
        yield f"{one.name}.{one.criterion}.p_holm", one.p_holm, 0


_READERS = {"training.json": _training, PRETRAINING: _pretraining, SUMMARY: _summary}

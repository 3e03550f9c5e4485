"""A finished run in MLflow: figures by step, settings, files; once, and nowhere else."""

import json
from pathlib import Path

import pytest

from kamerton.experiment.track import Run, figures, leaves, track
from kamerton.formats.manifest import Manifest


@pytest.fixture
def run(tmp_path: Path) -> Run:
    tune = tmp_path / "tune"
    tune.mkdir()
    training = {"loss": [2.0, 1.5, 1.0], "rows": 12, "method": "lora"}
    (tune / "training.json").write_text(json.dumps(training))
    Manifest(stage="tune", hash="abc", seconds=3.5, sources={"a": "1"}).write(tune)
    folder = tmp_path / "runs" / "museum" / "1"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>")
    settings = {"name": "museum", "tune": {"rank": 4, "target_modules": ["q_proj"]}}
    return Run("museum", "1", settings, folder, {"tune": tune})


def test_a_run_is_written_once_and_beside_the_runs(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "runs"
    name = track(run, root)
    assert name and track(run, root) == name
    client = MlflowClient(tracking_uri=f"sqlite:///{root / '.mlflow' / 'mlflow.db'}")
    (tracked,) = client.search_runs([client.get_experiment_by_name("museum").experiment_id])
    assert tracked.data.params["tune.rank"] == "4"
    assert tracked.data.params["tune.target_modules"] == '["q_proj"]'
    assert [m.value for m in client.get_metric_history(name, "tune.loss")] == [2.0, 1.5, 1.0]
    assert tracked.data.tags["stage.tune"] == "abc"
    assert [f.path for f in client.list_artifacts(name)] == ["report.html"]


def test_figures_are_those_of_the_stages(run: Run) -> None:
    by_step = {(name, step): value for name, value, step in figures(run.stages)}
    assert by_step == {
        ("tune.seconds", 0): 3.5,
        ("tune.loss", 1): 2.0,
        ("tune.loss", 2): 1.5,
        ("tune.loss", 3): 1.0,
        ("tune.rows", 0): 12.0,
    }


def test_a_recipe_as_dotted_names() -> None:
    tree = {"a": {"b": 1, "c": {}}, "d": None, "e": "text"}
    assert dict(leaves(tree)) == {"a.b": "1", "a.c": "{}", "d": "null", "e": "text"}

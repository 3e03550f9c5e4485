"""Data to adapter to engine files on a real tiny model: repeatable, resumable, the same tokens."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kamerton.develop.data.guide.run import prepare
from kamerton.develop.export.run import export_run
from kamerton.develop.settings import ExportSettings, GuideSettings, TuneSettings
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.tune.run import tune
from kamerton.formats.manifest import sha256
from kamerton.formats.serving import FILE, ServingSpec

TUNE = TuneSettings(
    rank=4, max_length=600, epochs=2, batch_size=4, save_steps=2, learning_rate=5e-3
)
DATA = {
    "catalogue": "catalogue.en.yaml",
    "phrasings": "phrasings.en.yaml",
    "safety": "safety.en.jsonl",
    "attributes": ["material"],
    "known_groups": 4,
    "unknown_groups": 2,
    "refusals": 2,
    "system": "You are a museum guide.",
}


@pytest.fixture(scope="module")
def data(museum: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data")
    prepare(GuideSettings.model_validate(DATA), museum, out, seed=7)
    return out


@pytest.fixture(scope="module")
def tuned(tiny: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tune")
    tune(TUNE, str(tiny), data, out, seed=7, threads=1)
    return out


def weights(folder: Path) -> str:
    return sha256(folder / "adapter" / "adapter_model.safetensors")


def test_the_data_stage_writes_everything_that_later_stages_read(data: Path) -> None:
    names = {"train.jsonl", "known.jsonl", "unknown.jsonl", "safety.jsonl", "leaks.json"}
    assert names <= {p.name for p in data.iterdir()}
    assert json.loads((data / "leaks.json").read_text())["blocking"] == []
    assert (data / "index" / "vectors.npy").is_file()


def test_training_learns_and_leaves_no_checkpoints(tuned: Path) -> None:
    figures = json.loads((tuned / "training.json").read_text())
    assert figures["last_loss"] < figures["first_loss"]
    assert not (tuned / "checkpoints").exists()
    config = json.loads((tuned / "adapter" / "adapter_config.json").read_text())
    assert config["r"] == 4


def test_the_same_seed_and_threads_give_the_same_bytes(
    tiny: Path, data: Path, tuned: Path, tmp_path: Path
) -> None:
    tune(TUNE, str(tiny), data, tmp_path / "again", seed=7, threads=1)
    tune(TUNE, str(tiny), data, tmp_path / "other", seed=8, threads=1)
    assert weights(tmp_path / "again") == weights(tuned)
    assert weights(tmp_path / "other") != weights(tuned)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from kamerton.develop.tune.run import tune
from kamerton.develop.settings import TuneSettings
tune(TuneSettings.model_validate_json(sys.argv[1]), *sys.argv[2:3],
     Path(sys.argv[3]), Path(sys.argv[4]), seed=7, threads=1)
"""


def test_a_training_killed_with_kill_9_goes_on_to_the_same_bytes(
    tiny: Path, data: Path, tuned: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", script, TUNE.model_dump_json(), str(tiny), str(data), str(out)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while newest_checkpoint(out / "checkpoints") is None and child.poll() is None:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    tune(TUNE, str(tiny), data, out, seed=7, threads=1)
    assert weights(out) == weights(tuned)


def test_a_run_of_all_three_stages_is_proven_and_can_be_served(
    tiny: Path, data: Path, tuned: Path, tmp_path: Path
) -> None:
    settings = ExportSettings(quantisation="f16", context=256)
    export_run(settings, str(tiny), {"museum": (data, tuned)}, tmp_path)
    found = json.loads((tmp_path / "parity.json").read_text())
    assert found["same_token_ids"] == found["chats"] >= 6
    assert found["same_next_token_adapted"] == found["next_tokens_adapted"] > 0
    assert found["largest_logprob_difference"] < 0.05
    spec = ServingSpec.model_validate_json((tmp_path / FILE).read_text())
    assert spec.base_sha256 == sha256(tmp_path / spec.base)
    assert spec.system == "You are a museum guide."

"""A killed training goes on from whole checkpoints only, and only as the same training."""

import json
import shutil
from pathlib import Path

import pytest
import training_runs as runs

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.resume import STARTED, facts, hold_to, newest_checkpoint, weights
from kamerton.develop.training.threads import repeatable
from kamerton.develop.training.trainer import Watch
from kamerton.formats.errors import InputError


@pytest.fixture(scope="module")
def checkpoints(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    repeatable(0, 1)
    made = runs.trainer(runs.load(tiny), runs.rows(), out, [], max_steps=4)
    made.watch = Watch()
    made.train()
    return out


def test_the_newest_whole_checkpoint_is_found(checkpoints: Path, tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    (tmp_path / "checkpoint-final").mkdir()
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-4"


@pytest.mark.parametrize(
    "name",
    ["trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth", "model.safetensors"],
)
@pytest.mark.parametrize("share", [None, 0.0, 0.5, 0.999])
def test_a_file_cut_off_by_a_kill_is_not_resumed_from(
    checkpoints: Path, tmp_path: Path, name: str, share: float | None
) -> None:
    shutil.copytree(checkpoints, tmp_path / "c")
    file = tmp_path / "c" / "checkpoint-4" / name
    whole = file.read_bytes()
    file.unlink() if share is None else file.write_bytes(whole[: int(len(whole) * share)])
    assert newest_checkpoint(tmp_path / "c") == tmp_path / "c" / "checkpoint-2"


def test_the_same_facts_go_on(tmp_path: Path) -> None:
    hold_to(tmp_path, {"seed": 1, "betas": (0.9, 0.95)})
    hold_to(tmp_path, {"seed": 1, "betas": (0.9, 0.95)})
    assert json.loads((tmp_path / STARTED).read_text()) == {"seed": 1, "betas": [0.9, 0.95]}


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ({"seed": 2, "rank": 9}, "seed = 1, and now it is 2"),
        ({"seed": 1, "rank": 9}, "rank = 8, and now it is 9"),
        ({"seed": 1}, "rank = 8, and now it is (not set)"),
        ({"seed": 1, "rank": 8, "new": "x"}, 'new = (not set), and now it is "x"'),
    ],
)
def test_the_first_changed_fact_is_named(
    tmp_path: Path, later: dict[str, object], said: str
) -> None:
    hold_to(tmp_path, {"seed": 1, "rank": 8})
    with pytest.raises(InputError) as caught:
        hold_to(tmp_path, later)
    assert said in str(caught.value) and "start_from" in str(caught.value)
    assert json.loads((tmp_path / STARTED).read_text()) == {"seed": 1, "rank": 8}


def test_facts_hold_every_setting_and_every_input(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text("{}\n")
    files = {"train.jsonl": data, **weights(str(tiny))}
    first = facts(TuneSettings(), 7, 1, files)
    assert {f"settings.{name}" for name in TuneSettings.model_fields} < set(first)
    assert first["seed"] == 7 and "sha256.weights.model.safetensors" in first
    data.write_text("{} \n")
    changed = facts(TuneSettings(rank=3), 7, 1, files)
    names = {name for name in first if first[name] != changed[name]}
    assert names == {"settings.rank", "sha256.train.jsonl"}


def test_nested_settings_are_dotted_names() -> None:
    from kamerton.develop.settings.model import PretrainSettings

    flat = facts(PretrainSettings(), 0, 1, {})
    assert flat["settings.architecture.hidden_size"] == 1024

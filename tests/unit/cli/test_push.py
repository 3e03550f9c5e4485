"""What a run hands on: its models with their card and proofs, whole or not at all."""

import json
from pathlib import Path

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from command_line import call
from kamerton.formats.manifest import Manifest
from kamerton.pipeline import folder as folders

Capture = pytest.CaptureFixture[str]


def stage(name: str, files: dict[str, str]) -> str:
    folder = folders.stage_folder(folders.ROOT, name, f"{name}0")
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    Manifest(stage=name, hash=f"{name}0").write(folder)
    return str(folder.relative_to(folders.ROOT))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tune = stage("tune", {"adapter/adapter_config.json": "{}", "training.json": "{}"})
    exported = {"base.gguf": "b", "museum.gguf": "m", "parity.json": "{}", "serving.json": "{}"}
    exported |= {"merged/config.json": "{}", "index/chunks.jsonl": '{"text": "ours"}'}
    place = folders.new_run(folders.ROOT, "museum")
    (place / "model_card.md").write_text("# Museum: 80 % against 1 %")
    (place / folders.RECIPE).write_text(json.dumps({"name": "museum", "tune": {"rank": 4}}))
    stages = {"tune": tune, "export": stage("export", exported)}
    record = folders.RunRecord(
        recipe="museum", recipe_file="x", folder=".", stages=stages, options=[]
    )
    record.write(place)
    folders.point_latest(place)
    return place


def test_a_run_is_pushed_to_a_folder_with_its_card_and_without_its_base(
    run: Path, tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "out" / "museum"
    assert call("push", "museum", str(target)) == 0
    assert (target / "README.md").read_text() == "# Museum: 80 % against 1 %"
    found = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}
    engine = {"museum.gguf", "parity.json", "serving.json", "merged/config.json"}
    assert found == engine | {"adapter/adapter_config.json", "README.md"}
    assert call("push", "museum", str(target)) == 2
    assert "already" in capsys.readouterr().err


def test_the_cards_of_several_adapters_are_one_for_the_hub(run: Path, tmp_path: Path) -> None:
    (run / "model_card.md").unlink()
    for name, value in (("code", 0.5), ("summaries", 0.25)):
        of = EvalResult("text-generation", "held-out rows", "rows", "ended", value)
        of.dataset_config = name
        data = ModelCardData(
            language=["en"], tags=["lora", name], model_name=name, eval_results=[of]
        )
        (run / f"{name}.model_card.md").write_text(f"---\n{data.to_yaml()}\n---\n\n# {name}\n")
    assert call("push", "museum", str(tmp_path / "out")) == 0
    card = ModelCard((tmp_path / "out" / "README.md").read_text())
    assert card.data.tags == ["lora", "code", "summaries"] and card.data.language == ["en"]
    assert [of.metric_value for of in card.data.eval_results] == [0.5, 0.25]
    assert card.text.split() == ["#", "code", "#", "summaries"]


def test_a_model_without_a_proof_does_not_leave(run: Path, tmp_path: Path, capsys: Capture) -> None:
    (folders.read_run(run).stage(run, "export") / "parity.json").unlink()
    assert call("push", "museum", str(tmp_path / "out")) == 2
    assert "parity" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_runs_differ_in_what_the_recipe_says(run: Path, capsys: Capture) -> None:
    other = folders.new_run(folders.ROOT, "museum")
    (other / folders.RECIPE).write_text(json.dumps({"name": "museum", "tune": {"rank": 8}}))
    folders.read_run(run).write(other)
    assert call("runs", "diff", "museum/1", "museum/2", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"tune.rank": ["4", "8"]}
    assert call("runs", "diff", "museum/1", "museum/1") == 0
    assert "Nothing differs" in capsys.readouterr().out

"""Two adapters and a soft prompt on one base: pushed to a folder, loaded from there by others."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kamerton.cli.main import main
from kamerton.develop import hub
from kamerton.develop.export.run import Trained, export
from kamerton.develop.settings import ExportSettings
from kamerton.formats.chat import chat
from kamerton.formats.jsonl import write_text
from kamerton.formats.manifest import Manifest, sha256
from kamerton.formats.serving import FILE, ServingSpec
from kamerton.pipeline import folder as folders
from kamerton.serve.folder import weights

CHATS = [chat("", "Where is the Idol of Pomos?"), chat("", "Где хранится идол?")]
METHODS = {"colours": "lora", "places": "lora", "tone": "prompt"}
IDS = [[5, 17, 301, 42, 8, 93]]


def train(base: str, name: str, seed: int, out: Path) -> Trained:
    """A tune stage's output, its weights drawn at random instead of learnt."""
    import torch
    from peft import LoraConfig, PromptTuningConfig, get_peft_model

    torch.manual_seed(seed)
    config: Any = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    if METHODS[name] == "prompt":
        config = PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    tuned = get_peft_model(hub.load_model(base), config)
    for part, parameter in tuned.named_parameters():
        if "lora_B" in part:
            parameter.data.normal_(0, 0.05)
    tuned.save_pretrained(out / "adapter", save_embedding_layers=False)
    write_text(out / "training.json", json.dumps({"method": METHODS[name]}))
    return Trained(name, out)


@pytest.fixture(scope="module")
def home(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run lies; its base is a folder beside it."""
    import torch

    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("pushed")
    base, root = str(shutil.copytree(tiny, home / "base")), home / folders.ROOT
    stages = {name: f"tune-{name}" for name in METHODS}
    places = {s: folders.stage_folder(root, s, "0") for s in (*stages.values(), "export")}
    tuned = [
        train(base, name, seed, places[stage]) for seed, (name, stage) in enumerate(stages.items())
    ]
    settings = ExportSettings(quantisation="f16", context=256)
    export(settings, base, tuned, "", CHATS, places["export"], threads=1)
    for name, place in places.items():
        Manifest(stage=name, hash=f"{name}0", sources={base: "00"}).write(place)
    run = folders.new_run(root, "three")
    for name in METHODS:
        write_text(run / f"{name}.model_card.md", f"# {name}\n")
    write_text(run / folders.RECIPE, '{"name": "three"}')
    kept = {name: str(place.relative_to(root)) for name, place in places.items()}
    folders.RunRecord(recipe="three", recipe_file="x", folder=".", stages=kept).write(run)
    folders.point_latest(run)
    return home


@pytest.fixture(scope="module")
def pushed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("elsewhere") / "three"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.chdir(home)
        main(["push", "three", str(target)])
    assert end.value.code == 0
    return target


@contextmanager
def logits(base: Path, adapter: Path | None) -> Iterator[Any]:
    """Of a base with a PEFT adapter, as anybody loads them."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    model = PeftModel.from_pretrained(model, adapter) if adapter else model
    with torch.no_grad():
        yield model.eval()(input_ids=torch.tensor(IDS)).logits


def test_adapters_of_all_names_load_and_act_as_trained(home: Path, pushed: Path) -> None:
    base, runs = home / "base", home / folders.ROOT
    for name in METHODS:
        place = folders.stage_folder(runs, f"tune-{name}", "0") / "adapter"
        with (
            logits(base, pushed / f"adapter-{name}") as found,
            logits(base, place) as trained,
            logits(base, None) as plain,
        ):
            assert found.equal(trained)
            assert (found[:, -1] - plain[:, -1]).abs().max() > 0.01


def test_the_soft_prompt_loads_on_the_weights_that_came_along(home: Path, pushed: Path) -> None:
    spec = ServingSpec.model_validate_json((pushed / FILE).read_text())
    assert weights(pushed, spec) == str((pushed / "weights").resolve())  # compares every hash
    with (
        logits(pushed / "weights", pushed / "tone") as found,
        logits(home / "base", pushed / "adapter-tone") as trained,
    ):
        assert found.equal(trained)


def test_what_serving_names_is_there_to_the_bit_but_for_the_base(pushed: Path) -> None:
    spec = ServingSpec.model_validate_json((pushed / FILE).read_text())
    assert [(one.name, one.kind) for one in spec.adapters] == [
        ("colours", "lora"),
        ("places", "lora"),
        ("tone", "prompt"),
    ]
    assert all(sha256(pushed / one.file) == one.sha256 for one in spec.adapters)
    assert not (pushed / spec.base).exists() and not list(pushed.glob("manifest.json"))
    assert [f"# {name}\n" in (pushed / "README.md").read_text() for name in METHODS] == [True] * 3

"""Two adapters and a soft prompt on one base in one recipe: each trained, compared, reported.

They are served together, far from their base.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import kamerton
from kamerton.formats.jsonl import read_rows, write_text
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.scores import Sample
from kamerton.formats.serving import FILE, ServingSpec
from serving import ask, served, stream

ANSWERS = {
    "colours": {"vase": "It is red.", "idol": "It is blue.", "ring": "It is gold."},
    "places": {"vase": "See room one.", "idol": "See room two.", "ring": "See room six."},
    "soft": {"vase": "I say red.", "idol": "I say blue.", "ring": "I say gold."},
}
BEGINNINGS = {"colours": "It is", "places": "See room", "soft": "I say"}
TUNED: dict[str, dict[str, Any]] = {
    "colours": {"rank": 4, "epochs": 8, "batch_size": 6, "learning_rate": 1e-2},
    "places": {"rank": 8, "epochs": 8, "batch_size": 6, "learning_rate": 1e-2},
    "soft": {"method": "prompt", "virtual_tokens": 8, "epochs": 20, "learning_rate": 0.3},
}
WHERE = ["in the museum", "on the hill", "by the sea", "at home", "in the town", "by the tree"]
QUESTION = "What of the idol on the table?"


def part(name: str) -> dict[str, Any]:
    """One adapter's section of the recipe."""
    return {
        "data": {
            "kind": "rows",
            "sources": [{"name": f"{name}.jsonl"}],
            "held_out": 0.25,
            "near": 1,  # the rows differ by a word
            "system": f"You tell {name}.",
            "rights": {"licence": "MIT"},
        },
        "tune": TUNED[name],
        "experiment": {
            "held_out_prompts": 2,
            "answer_tokens": 12,
            "resamples": 200,
            "repeat_share": 0,
            "claims_verdict": False,
        },
    }


def write_recipe(folder: Path, base: Path) -> Path:
    """Files of rows with the same questions and other answers; returns the recipe's file."""
    for name, answers in ANSWERS.items():
        asked = [(f"What of the {thing} {w}?", answers[thing]) for thing in answers for w in WHERE]
        rows = [
            {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
            for q, a in asked
        ]
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "both",
        "base": str(base),
        "threads": 1,
        "tracking": "off",
        "adapters": {name: part(name) for name in ANSWERS},
        "export": {"quantisation": "f16", "context": 256},
    }
    write_text(folder / "recipe.yaml", json.dumps(recipe))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def home(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recipe was run; its base is no longer where it was."""
    home = tmp_path_factory.mktemp("both")
    base = shutil.copytree(tiny, home / "base")
    done = kamerton(home, "run", str(write_recipe(home / "recipe", base)))
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.rmtree(base)
    return home


@pytest.fixture(scope="module")
def stages(home: Path) -> dict[str, Path]:
    """Folders of the run's stages."""
    record = json.loads((home / "runs" / "both" / "latest" / "run.json").read_text())
    return {name: home / "runs" / place for name, place in record["stages"].items()}


@pytest.fixture(scope="module")
def moved(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export alone, as somebody gets it."""
    return shutil.copytree(stages["export"], tmp_path_factory.mktemp("elsewhere") / "model")


@pytest.fixture(scope="module")
def server(moved: Path) -> Iterator[str]:
    with served(moved, slots=1) as (base_url, _):
        yield base_url


@pytest.mark.parametrize("name", ANSWERS)
def test_each_adapter_learns_its_own_rows(name: str, stages: dict[str, Path]) -> None:
    rows = read_rows(stages[f"tune-{name}"] / LOSSES, LossRow)
    assert rows and all(row.after < 0.8 * row.before for row in rows)
    samples = read_rows(stages[f"compare-{name}"] / "samples.jsonl", Sample)
    assert {sample.arm for sample in samples} == {"base", name}
    said = [sample.answer for sample in samples if sample.arm == name]
    assert said and all(answer.startswith(BEGINNINGS[name]) for answer in said)


def test_one_export_has_all_with_their_system_prompts(moved: Path) -> None:
    spec = ServingSpec.model_validate_json((moved / FILE).read_text())
    kinds = {"colours": "lora", "places": "lora", "soft": "prompt"}
    assert {one.name: one.kind for one in spec.adapters} == kinds
    others = {name: f"You tell {name}." for name in ("places", "soft")}
    assert (spec.system, spec.systems) == ("You tell colours.", others)
    assert (spec.weights, spec.base_name) == ("weights", "base")
    proof = json.loads((moved / "parity.json").read_text())["adaptations"]
    assert list(proof) == list(kinds)
    assert all(proof[n]["modules"] == proof[n]["applied_modules"] > 0 for n in list(kinds)[:2])
    assert len(list(moved.glob("*.gguf"))) == 3


def test_an_export_says_nothing_of_the_machine_that_made_it(moved: Path) -> None:
    told: Any = json.loads((moved / "soft" / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "base"
    (moved / "manifest.json").unlink()  # the stage's own: it names what was read, and stays there
    home = str(moved.parents[1]).encode()  # of all folders of this test run, the base's among them
    assert [f.name for f in moved.rglob("*") if f.is_file() and home in f.read_bytes()] == []


def test_all_are_listed_and_answer_as_they_learnt(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["base", *ANSWERS]
    for _ in range(2):  # in turn on one slot: neither answers from what the other left
        for name, beginning in BEGINNINGS.items():
            said = ask(server, name, QUESTION)
            assert said.startswith(beginning)
            assert "".join(stream(server, name, QUESTION)) == said
    assert not ask(server, "base", QUESTION).startswith(tuple(BEGINNINGS.values()))


def test_each_has_its_report_in_the_run(home: Path) -> None:
    run = home / "runs" / "both" / "latest"
    for name in ANSWERS:
        page = (run / f"{name}.report.html").read_text()
        card = (run / f"{name}.model_card.md").read_text()
        summary = json.loads((run / f"{name}.summary.json").read_text())
        assert summary["arms"] == ["base", name] and summary["comparisons"]
        assert name in page and name in card
        assert [f"You tell {one}." in page for one in ANSWERS] == [one == name for one in ANSWERS]
        samples = read_rows(run / f"{name}.samples.jsonl", Sample)
        assert all(sample.answer in page for sample in samples if sample.arm == name)

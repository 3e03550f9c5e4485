"""Two adapters on one base in one recipe: each trained, compared and reported; served together."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import kamerton
from kamerton.formats.jsonl import read_rows, write_text
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.scores import Sample
from kamerton.formats.serving import FILE, ServingSpec
from serving import ask, served

ANSWERS = {
    "colours": {"vase": "It is red.", "idol": "It is blue.", "ring": "It is gold."},
    "places": {"vase": "See room one.", "idol": "See room two.", "ring": "See room six."},
}
BEGINNINGS = {"colours": "It is", "places": "See room"}
WHERE = ["in the museum", "on the hill", "by the sea", "at home", "in the town", "by the tree"]
QUESTION = "What of the idol on the table?"


def part(name: str, rank: int) -> dict[str, Any]:
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
        "tune": {"rank": rank, "epochs": 8, "batch_size": 6, "learning_rate": 1e-2},
        "experiment": {
            "held_out_prompts": 2,
            "answer_tokens": 12,
            "resamples": 200,
            "repeat_share": 0,
            "claims_verdict": False,
        },
    }


def write_recipe(folder: Path, base: Path) -> Path:
    """Two files of rows with the same questions and other answers; returns the recipe's file."""
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
        "adapters": {"colours": part("colours", 4), "places": part("places", 8)},
        "export": {"quantisation": "f16", "context": 256},
    }
    write_text(folder / "recipe.yaml", json.dumps(recipe))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def home(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recipe was run."""
    home = tmp_path_factory.mktemp("both")
    done = kamerton(home, "run", str(write_recipe(home / "recipe", tiny)))
    assert done.returncode == 0, done.stderr[-3000:]
    return home


@pytest.fixture(scope="module")
def stages(home: Path) -> dict[str, Path]:
    """Folders of the run's stages."""
    record = json.loads((home / "runs" / "both" / "latest" / "run.json").read_text())
    return {name: home / "runs" / place for name, place in record["stages"].items()}


@pytest.fixture(scope="module")
def server(stages: dict[str, Path]) -> Iterator[str]:
    with served(stages["export"], slots=1) as (base_url, _):
        yield base_url


@pytest.mark.parametrize("name", ANSWERS)
def test_each_adapter_learns_its_own_rows(name: str, stages: dict[str, Path]) -> None:
    rows = read_rows(stages[f"tune-{name}"] / LOSSES, LossRow)
    assert rows and all(row.after < 0.8 * row.before for row in rows)
    samples = read_rows(stages[f"compare-{name}"] / "samples.jsonl", Sample)
    assert {sample.arm for sample in samples} == {"base", name}
    said = [sample.answer for sample in samples if sample.arm == name]
    assert said and all(answer.startswith(BEGINNINGS[name]) for answer in said)


def test_one_export_has_both_with_their_system_prompts(stages: dict[str, Path], tiny: Path) -> None:
    spec = ServingSpec.model_validate_json((stages["export"] / FILE).read_text())
    assert [(one.name, one.kind) for one in spec.adapters] == [
        ("colours", "lora"),
        ("places", "lora"),
    ]
    assert (spec.system, spec.systems) == ("You tell colours.", {"places": "You tell places."})
    proof = json.loads((stages["export"] / "parity.json").read_text())["adaptations"]
    assert list(proof) == ["colours", "places"]
    assert all(one["modules"] == one["applied_modules"] > 0 for one in proof.values())
    files = [path for path in stages["export"].iterdir() if path.suffix == ".gguf"]
    assert len(files) == 3
    assert not [path.name for path in files if str(tiny).encode() in path.read_bytes()]


def test_both_are_listed_and_answer_as_they_learnt(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["base", "colours", "places"]
    for _ in range(2):  # in turn on one slot: neither answers from what the other left
        for name, beginning in BEGINNINGS.items():
            assert ask(server, name, QUESTION).startswith(beginning)
    assert not ask(server, "base", QUESTION).startswith(tuple(BEGINNINGS.values()))


def test_each_has_its_report_in_the_run(home: Path) -> None:
    run = home / "runs" / "both" / "latest"
    for name, other in (("colours", "places"), ("places", "colours")):
        page = (run / f"{name}.report.html").read_text()
        card = (run / f"{name}.model_card.md").read_text()
        summary = json.loads((run / f"{name}.summary.json").read_text())
        assert summary["arms"] == ["base", name] and summary["comparisons"]
        assert name in page and name in card
        assert f"You tell {name}." in page and f"You tell {other}." not in page
        samples = read_rows(run / f"{name}.samples.jsonl", Sample)
        assert all(sample.answer in page for sample in samples if sample.arm == name)

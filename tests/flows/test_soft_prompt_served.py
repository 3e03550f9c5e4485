"""A soft prompt from rows to answers: `kamerton run`, and its export served far from its base."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import kamerton
from kamerton.formats.jsonl import read_rows, write_text
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.serving import FILE, ServingSpec
from serving import ask, served, stream

COLOURS = {"vase": "red", "idol": "blue", "ring": "green", "coin": "gold"}
PLACES = ["in the museum", "on the hill", "by the sea", "at home", "in the town", "by the tree"]
QUESTION = "What colour is the idol on the table?"
RECIPE = {
    "name": "soft",
    "threads": 1,
    "tracking": "off",
    "data": {
        "kind": "rows",
        "sources": [{"name": "rows.jsonl"}],
        "held_out": 0.25,
        "near": 1,  # the rows differ by a word
        "rights": {"licence": "MIT"},
    },
    "tune": {
        "method": "prompt",
        "virtual_tokens": 8,
        "epochs": 20,
        "batch_size": 8,
        "learning_rate": 0.3,
    },
    "export": {"quantisation": "f16", "context": 256},
    "experiment": {
        "held_out_prompts": 2,
        "answer_tokens": 4,
        "resamples": 200,
        "repeat_share": 0,
        "claims_verdict": False,
    },
}


def write_recipe(folder: Path, base: Path) -> Path:
    """Rows of one sentence with four colours, and a recipe; returns the recipe's file."""
    asked = [(thing, place) for thing in COLOURS for place in PLACES]
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What colour is the {thing} {place}?"},
                {"role": "assistant", "content": f"It is {COLOURS[thing]}."},
            ]
        }
        for thing, place in asked
    ]
    write_text(folder / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_text(folder / "recipe.yaml", json.dumps(RECIPE | {"base": str(base)}))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def stages(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a finished run's stages; its base is no longer where it was."""
    home = tmp_path_factory.mktemp("soft")
    base = shutil.copytree(tiny, home / "base")
    done = kamerton(home, "run", str(write_recipe(home / "recipe", base)))
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.rmtree(base)
    record = json.loads((home / "runs" / "soft" / "latest" / "run.json").read_text())
    return {name: home / "runs" / place for name, place in record["stages"].items()}


@pytest.fixture(scope="module")
def moved(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export alone, as somebody gets it."""
    return shutil.copytree(stages["export"], tmp_path_factory.mktemp("elsewhere") / "model")


@pytest.fixture(scope="module")
def server(moved: Path) -> Iterator[str]:
    with served(moved, slots=1) as (base_url, _):
        yield base_url


def test_held_out_answers_are_said_better(stages: dict[str, Path]) -> None:
    rows = read_rows(stages["tune"] / LOSSES, LossRow)
    assert rows and all(row.after < 0.8 * row.before for row in rows)
    summary = json.loads((stages["compare"] / "summary.json").read_text())
    assert summary["arms"] == ["base", "soft"]
    assert "soft" in (stages["report"] / "report.html").read_text()


def test_an_export_says_nothing_of_the_machine_that_made_it(moved: Path) -> None:
    spec = ServingSpec.model_validate_json((moved / FILE).read_text())
    assert (spec.weights, spec.base_name) == ("weights", "base")
    told: Any = json.loads((moved / "soft" / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "base"
    (moved / "manifest.json").unlink()  # the stage's own: it names what was read, and stays there
    home = str(moved.parents[1]).encode()  # of all folders of this test run, the base's among them
    assert [f.name for f in moved.rglob("*") if f.is_file() and home in f.read_bytes()] == []


def test_the_served_soft_prompt_says_what_was_learnt(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["base", "soft"]
    said = ask(server, "soft", QUESTION)
    assert said.startswith("It is")
    assert not ask(server, "base", QUESTION).startswith("It is")
    assert "".join(stream(server, "soft", QUESTION)) == said

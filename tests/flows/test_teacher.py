"""`kamerton run` of a recipe whose rows a teacher writes, the teacher being our own server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import kamerton
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.serving import FILE, ServingSpec
from serving import served
from tiny import write_spec

PRODUCTS = """
channels: [social]
tasks: [Announce the product, Invite to a fair, Answer a sceptic]
tones: [calm, lively]
products:
  - {name: pump Oriole, about: It moves water., audience: engineers, 
     facts: [40 litres, 5 years, 45 dB]}
  - {name: valve Finch, about: It closes a pipe., audience: engineers, 
     facts: [40 bar, 30 years, 50 mm]}
"""
RECIPE = """
name: tiny
data:
  kind: rows
  rights: {accept: written by our own server}
  synth:
    {products: products.yaml, model: base, language: en, examples: 3, test_examples: 2,
     test_products: 1, max_tokens: 24, with_beginning: 0, concurrency: 2}
"""


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_spec(tmp_path_factory.mktemp("spec"))
    spec = ServingSpec.model_validate_json(read_text(folder / FILE))
    write_text(folder / FILE, spec.model_copy(update={"context": 4096}).model_dump_json())
    with served(folder, slots=2) as (base_url, _):
        yield f"{base_url}/v1"


def run(folder: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    (folder / "products.yaml").write_text(PRODUCTS)
    (folder / "recipe.yaml").write_text(RECIPE)
    at = f"--set=data.synth.base_url={base_url}"
    return kamerton(folder, "run", "recipe.yaml", "--only", "data", at)


def ledger(folder: Path) -> list[dict[str, object]]:
    (path,) = (folder / "runs" / ".stages").glob("data-*/synth/ledger.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_text_is_in_the_ledger_and_nonsense_is_rejected(teacher: str, tmp_path: Path) -> None:
    """A random model writes nothing that the filters let through: told, kept, not asked again."""
    first = run(tmp_path, teacher)
    assert first.returncode == 2 and "Traceback" not in first.stderr, first.stderr[-2000:]
    rows = ledger(tmp_path)
    assert len(rows) == 5 and all(row["text"] and row["reason"] for row in rows)
    again = run(tmp_path, teacher)
    assert again.returncode == 2
    assert ledger(tmp_path) == rows


def test_a_teacher_elsewhere_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    done = run(tmp_path, "https://api.example.org/v1")
    assert done.returncode == 2 and "api.example.org" in done.stderr
    assert not list((tmp_path / "runs" / ".stages").glob("data-*/synth/ledger.jsonl"))

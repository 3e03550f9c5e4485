"""Raw novels to a model of their own: the data stage, the training, kills, the figures."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from kamerton.develop.data.corpus.run import prepare
from kamerton.develop.pretrain.run import pretrain
from kamerton.develop.settings import CorpusSettings
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.training.trainer import TERMINATED
from kamerton.formats.jsonl import read_rows
from kamerton.formats.manifest import sha256
from kamerton.formats.pretraining import CONTINUATIONS, PRETRAINING, Continuation, Pretraining
from packed_corpus import settings

NOVELS = Path(__file__).parents[2] / "recipes" / "novels"
DATA = {
    "kind": "corpus",
    "source": "sample",
    "include": ["*.txt"],
    "rights": {"licence": "Apache-2.0"},
    "held_out": 0.1,
    "vocabulary": 400,
    "context": 64,
    "workers": 1,
}
SMALL = settings(
    steps=60,
    batch_size=8,
    learning_rate=5e-3,
    eval_steps=20,
    save_steps=10,
    prompts="prompts.txt",
    continuation_tokens=8,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data")
    prepare(CorpusSettings.model_validate(DATA), NOVELS, out, seed=7)
    return out


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pretrain")
    pretrain(SMALL, data, NOVELS, out, seed=7, threads=1)
    return out


def weights(out: Path) -> str:
    return sha256(out / "model" / "model.safetensors")


def test_a_model_learns_the_corpus_and_says_more_and_more(data: Path, trained: Path) -> None:
    found = Pretraining.model_validate_json((trained / PRETRAINING).read_text())
    assert [e.step for e in found.evaluations] == [0, 20, 40, 60]
    assert found.evaluations[-1].nats_per_character < found.evaluations[0].nats_per_character - 0.5
    assert found.ngram_order == 3 and found.ratio_to_ngram is not None
    said = read_rows(trained / CONTINUATIONS, Continuation)
    prompts = (NOVELS / "prompts.txt").read_text("utf-8").splitlines()
    assert [(row.step, row.prompt) for row in said] == [
        (step, prompt) for step in (0, 20, 40, 60) for prompt in prompts
    ]
    first, last = said[: len(prompts)], said[-len(prompts) :]
    assert [row.text for row in first] != [row.text for row in last]
    assert AutoModelForCausalLM.from_pretrained(trained / "model").config.model_type == "llama"


SCRIPT = """
import sys
from pathlib import Path
from kamerton.develop.pretrain.run import pretrain
from kamerton.develop.settings import PretrainSettings
pretrain(PretrainSettings.model_validate_json(sys.argv[1]),
         *map(Path, sys.argv[2:5]), seed=7, threads=1)
"""


def test_killed_and_then_ended_politely_it_goes_on_to_the_same_bytes(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    """`kill -9` after its first checkpoint; SIGTERM after the next one, which it saves."""
    checkpoints = tmp_path / "checkpoints"
    command = [sys.executable, "-c", SCRIPT, SMALL.model_dump_json(), data, NOVELS, tmp_path]
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, TERMINATED)):
        before = newest_checkpoint(checkpoints)
        child = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
        while newest_checkpoint(checkpoints) == before and child.poll() is None:
            time.sleep(0.02)
        os.kill(child.pid, number)
        _, told = child.communicate(timeout=60)
        assert child.returncode == code, told[-2000:]
    assert "goes on from there" in told and "Traceback" not in told
    pretrain(SMALL, data, NOVELS, tmp_path, seed=7, threads=1)
    assert weights(tmp_path) == weights(trained)
    assert (tmp_path / CONTINUATIONS).read_text() == (trained / CONTINUATIONS).read_text()
    mine, whole = (json.loads((out / PRETRAINING).read_text()) for out in (tmp_path, trained))
    assert {**mine, "seconds": 0} == {**whole, "seconds": 0}

"""`kamerton eval choice`, `perplexity`, `continuation` on a tiny model, as transformers has it."""

import functools
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import command_line
from kamerton.engines.batched.engine import BatchedSettings, running
from kamerton.engines.child import ChildProcess
from kamerton.formats.errors import InputError

call = functools.partial(command_line.unguarded, "eval")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def started(tiny: Path) -> Iterator[ChildProcess]:
    """One engine for all calls: each start of a process costs more than what it computes here."""
    with running(BatchedSettings(str(tiny), "model", slots=4)) as engine:
        yield engine


@pytest.fixture
def engine(started: ChildProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def given(settings: BatchedSettings) -> Iterator[ChildProcess]:
        yield started

    monkeypatch.setattr("kamerton.engines.batched.engine.running", given)


def likelihood(tiny: Path, before: list[int], scored: list[int]) -> float:
    """What transformers says, the whole text at once."""
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([before + scored])).logits[0]
    rows = torch.log_softmax(logits, -1)[len(before) - 1 : -1]
    return float(sum(row[token] for row, token in zip(rows, scored, strict=True)))


def test_choices_are_scored_as_transformers_scores_them(
    tmp_path: Path, tiny: Path, engine: None, capsys: Capture
) -> None:
    data, out = tmp_path / "q.csv", tmp_path / "out"
    data.write_text(
        "question,A,B,C,answer\n"
        "Where is the idol kept?,in the Cyprus museum,at home,in Никосии,A\n"
        "What was cast at Enkomi?,bronze,stone,,B\n",
        "utf-8",
    )
    given = ["choice", "--model", str(tiny), "--data", str(data), "--out", str(out)]
    assert call(*given, "--threads", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in (out / "scored.jsonl").read_text("utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    before = "Question: Where is the idol kept?\nAnswer:"
    for option in rows[0]["options"]:
        start, whole = (
            tokenizer(text).input_ids for text in (before, f"{before} {option['text']}")
        )
        assert whole[: len(start)] == start
        true = likelihood(tiny, start, whole[len(start) :])
        assert option["log_likelihood"] == pytest.approx(true, abs=1e-4)
    best = [max(row["options"], key=lambda one: one["log_likelihood"]) for row in rows]
    right = sum(
        row["options"].index(one) == row["right"] for row, one in zip(rows, best, strict=True)
    )
    assert told["figures"]["accuracy"]["mean"] == right / 2 and told["read_as"] == "letter"
    assert call(*given, "--threads", "1") == 0
    told_again = capsys.readouterr()
    assert "acc_norm" in told_again.out and "5 replies" in told_again.err
    assert (out / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_perplexity_is_that_of_transformers(
    tmp_path: Path, tiny: Path, engine: None, capsys: Capture
) -> None:
    texts = ["The idol of Pomos is carved. " * 6, "Где хранится идол? " * 4]
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "texts" / f"{number}.txt").write_text(text, "utf-8")
    out = tmp_path / "out"
    given = ["perplexity", "--model", str(tiny), "--data", str(tmp_path / "texts")]
    assert call(*given, "--out", str(out), "--threads", "1", "--window", "40", "--json") == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    nats = count = 0.0
    for text in texts:
        ids = tokenizer(text).input_ids
        count += len(ids)
        # Windows of 40: 39 tokens behind the first one, then 39 more behind one of them.
        nats -= likelihood(tiny, [tokenizer.bos_token_id], ids[:39])
        at = 39
        while at < len(ids):
            end = min(at + 39, len(ids))
            nats -= likelihood(tiny, ids[end - 40 : at], ids[at:end])
            at = end
    token, _, byte = figures["rates"]
    assert token["count"] == count and token["value"] == pytest.approx(nats / count, abs=1e-4)
    assert byte["count"] == sum(len(text.encode()) for text in texts)
    assert figures["perplexity"] == pytest.approx(math.exp(nats / count), rel=1e-4)
    assert figures["windows"] > 2


def test_continuations(tmp_path: Path, tiny: Path, engine: None, capsys: Capture) -> None:
    data, out = tmp_path / "p.txt", tmp_path / "out"
    data.write_text("The Idol of Pomos\nГде хранится\n", "utf-8")
    given = ["continuation", "--model", str(tiny), "--data", str(data), "--out", str(out)]
    assert call(*given, "--threads", "1", "--samples", "2", "--max-tokens", "9") == 0
    rows = [json.loads(line) for line in (out / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [len(row["answers"]) for row in rows] == [2, 2]
    assert "2 beginnings, 4 continuations" in capsys.readouterr().out
    assert (out / "report.html").read_text("utf-8").count('class="why"') == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["choice"], r"--data: .*“choice”"),
        (["perplexity"], r"--data: .*“perplexity”"),
        (["perplexity", "--shots", "2"], r"--shots: .*nothing in the task “perplexity”"),
        (["choice", "--early-stop"], r"--early-stop: .*“choice”"),
        (["maths", "--window", "9"], r"--window: .*“maths”"),
        (["choice", "--data", "TABLE", "--shots", "1"], "worked examples"),
        (["choice", "--data", "TABLE", "--prompts", "de"], "de"),
        (["continuation", "--data", "TABLE", "--samples", "2", "--temperature", "0"], "the same"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_loads(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: Any) -> None:
        raise AssertionError("a model was started")

    monkeypatch.setattr("kamerton.engines.batched.engine.running", loaded)
    table = tmp_path / "t.jsonl"
    table.write_text('{"question": "One?", "choices": ["w", "x"], "answer": "w"}\n', "utf-8")
    with pytest.raises(InputError, match=says):
        call(*(str(table) if part == "TABLE" else part for part in arguments))

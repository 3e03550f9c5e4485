"""A probe measures a run's own steps, and the run that follows is the run without it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import training_runs as runs

from kamerton.develop.training import probe as probing
from kamerton.develop.training.attention import flatten
from kamerton.develop.training.probe import Probe, probe, tell
from kamerton.develop.training.threads import repeatable
from kamerton.develop.training.trainer import Watch


def steps(count: int) -> Iterator[list[dict[str, Any]]]:
    """Optimiser steps of two batches of two rows."""
    data = [{**row} for row in runs.rows()]
    for _ in range(count):
        yield [flatten(data[:2]), flatten(data[2:4])]


def learn(model: Any, batches: list[dict[str, Any]]) -> None:
    count = runs.items(batches)
    for batch in batches:
        runs.loss(model, batch, count).backward()


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_ends_with_the_same_bytes_with_and_without_a_probe(
    tiny: Path, tmp_path: Path, method: str
) -> None:
    results = []
    for probed in (False, True):
        repeatable(0, 1)
        model = runs.load(tiny)
        if method == "lora":
            model = runs.adapted(model, dropout=0.3)
        made = runs.trainer(model, runs.rows(), tmp_path / str(probed), [], max_steps=3)
        made.watch = Watch()
        if probed:
            assert probe(model, steps(4), learn, 1000, 100).steps == 3
        made.train()
        results.append((made.model.state_dict(), random.random(), np.random.rand(), torch.rand(1)))
    (without, *draws), (with_probe, *others) = results
    assert draws == others
    for name, value in without.items():
        assert value.numpy().tobytes() == with_probe[name].numpy().tobytes(), name


def test_nothing_of_the_model_is_touched(tiny: Path) -> None:
    model = runs.load(tiny).eval()
    model.register_buffer("count", torch.zeros(1))

    def disturbing(model: Any, batches: list[dict[str, Any]]) -> None:
        assert model.training
        model.count.add_(random.random() + np.random.rand() + torch.rand(1))
        learn(model, batches)

    given = torch.ones_like(model.lm_head.weight)
    model.lm_head.weight.grad = given
    before = random.getstate(), torch.random.get_rng_state(), np.random.get_state()[2]
    probe(model, steps(2), disturbing, 1000, 100)
    assert not model.training and model.count == 0
    assert model.lm_head.weight.grad is given and bool((given == 1).all())
    assert random.getstate() == before[0] and np.random.get_state()[2] == before[2]
    assert torch.equal(torch.random.get_rng_state(), before[1])


class Clock:
    """Time that passes only when work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_the_expectation_follows_from_tokens_and_updates(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(probing, "time", clock)
    monkeypatch.setattr(probing, "_update_seconds", lambda parameters: 0.5)
    model = runs.load(tiny)
    seconds = iter([50.0, 2.0, 2.0, 2.0])

    def work(model: Any, batches: list[dict[str, Any]]) -> None:
        clock.now += next(seconds)

    monkeypatch.setattr(probing, "SECONDS", 1000.0)
    size = sum(batch["input_ids"].numel() for batch in next(steps(1)))
    found = probe(model, steps(4), work, 300 * size, 100)
    assert found.steps == 3 and found.tokens_per_second == size / 2.0  # the first is left out
    assert found.seconds == pytest.approx(300 * 2.0 + 100 * 0.5)


def test_a_probe_is_short(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = Clock(), []
    monkeypatch.setattr(probing, "time", clock)
    monkeypatch.setattr(probing, "_update_seconds", lambda parameters: 0.0)
    model = runs.load(tiny)

    def work(seconds: float) -> Any:
        def one(model: Any, batches: list[dict[str, Any]]) -> None:
            clock.now += seconds
            done.append(1)

        return one

    for seconds, total, expected in [(0.1, 1000, 20), (8.0, 1000, 3), (0.1, 50, 5), (99.0, 50, 1)]:
        done.clear()
        probe(model, steps(100), work(seconds), 1000, total)
        assert len(done) == expected
    with pytest.raises(ValueError, match="no step"):
        probe(model, iter([]), work(1.0), 1000, 10)


def test_padding_is_no_token(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(probing, "time", clock)
    batch = {
        "input_ids": torch.zeros(2, 5),
        "attention_mask": torch.tensor([[1] * 5, [1, 0, 0, 0, 0]]),
    }

    def work(model: Any, batches: list[dict[str, Any]]) -> None:
        clock.now += 1.0

    assert probe(runs.load(tiny), [[batch]], work, 1000, 100).tokens_per_second == 6


def test_the_expectation_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Probe(19, 412.4, 0.1, 3723.4, 1.25))
    assert capsys.readouterr().err == (
        "expected: 1:02:03 (412 tokens/s, measured in 19 steps); memory so far 1.2 GiB\n"
    )

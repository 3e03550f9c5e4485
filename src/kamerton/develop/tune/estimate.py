"""What a training run will cost, before it: rows, tokens, steps, memory, time."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.encode import encode
from kamerton.formats.chat import ChatRow

_TOKENS_PER_SECOND = 150 * 135e6
"""Tokens per second times parameters, LoRA in float32 on two cores (docs/decisions)."""
_BYTES = {"lora": 4.0, "dora": 4.0, "prompt": 4.0, "full": 16.0}
"""Bytes for each weight of the base: float32; with full its gradient and two moments of Adam."""


@dataclass(frozen=True)
class Estimate:
    """Counts are exact, memory and time are estimates."""

    rows: int
    tokens: int
    supervised_tokens: int
    longest: int
    truncated: int
    steps: int
    memory_gib: float
    seconds: float


def estimate(settings: TuneSettings, base: str, rows: Sequence[ChatRow]) -> Estimate:
    """Reads the tokenizer and the model's configuration, no weights."""
    tokenizer = hub.load_tokenizer(base)
    encoded = [encode(row, tokenizer) for row in rows]
    tokens = sum(len(row.ids) for row in encoded)
    longest = max(len(row.ids) for row in encoded)
    weights = parameters(hub.folder(base))
    at_once = settings.rows_at_once if settings.rows_at_once != "auto" else settings.batch_size
    return Estimate(
        rows=len(encoded),
        tokens=tokens,
        supervised_tokens=sum(sum(row.supervised) for row in encoded),
        longest=longest,
        truncated=sum(len(row.ids) > settings.max_length for row in encoded),
        steps=steps(len(encoded), settings),
        # Weights, and about 40 float32 values for each weight row of activations.
        memory_gib=round(
            (weights * _bytes(settings) + at_once * longest * 600_000) / 2**30 + 0.6, 1
        ),
        seconds=round(tokens * settings.epochs * weights * _work(settings) / _TOKENS_PER_SECOND),
    )


def _bytes(settings: TuneSettings) -> float:
    return settings.bits / 8 if settings.method == "qlora" else _BYTES[settings.method]


def _work(settings: TuneSettings) -> float:
    """Of a step, in steps of LoRA: full goes back to all weights, DoRA to its columns' lengths."""
    return {"full": 1.5, "dora": 1.4}.get(settings.method, 1.0)


def steps(rows: int, settings: TuneSettings) -> int:
    """Optimiser steps of the whole run."""
    return math.ceil(math.ceil(rows / settings.batch_size) * settings.epochs)


def parameters(folder: str) -> int:
    """Number of weights, from the size of the safetensors files; 0 where there are none."""
    files = sorted(Path(folder).glob("*.safetensors"))
    total = 0
    for file in files:
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        shapes = (entry["shape"] for name, entry in header.items() if name != "__metadata__")
        total += sum(math.prod(shape) for shape in shapes)
    return total

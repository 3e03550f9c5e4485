"""What a training run will cost, before it: rows, tokens, steps, memory, time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import Encoded
from kamerton.develop.tune.encode import encode, shortened
from kamerton.formats.chat import ChatRow

_TOKENS_PER_SECOND = 390 * 135e6
"""Tokens per second times parameters, LoRA in float32 on two cores (docs/decisions/0005)."""
_BYTES = {"lora": 4.0, "dora": 4.0, "prompt": 4.0, "full": 16.0}
"""Bytes for each weight of the base: float32; with full its gradient and two moments of Adam."""
_WORK = {"full": 1.5, "dora": 1.4}
"""Of a step, in steps of LoRA: full goes back to all weights, DoRA to its columns' lengths."""
_KEPT, _LOGITS = 30, 3
"""Float32 values kept for a token: of each layer's width, and of the vocabulary where it is learnt
(logits, their normal form, its gradient). Fitted to a measured peak: docs/decisions/0005."""
_LIBRARIES = 0.6
"""GiB of Python with torch and transformers."""


@dataclass(frozen=True)
class Estimate:
    """Counts are exact for the rows that were given; memory and time are rough."""

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
    # Where the recipe says "stop", training will: until then these are its rows.
    fit = encoded if settings.on_overflow == "stop" else shortened(encoded, settings)
    tokens, learnt = _tokens(fit)
    weights = parameters(hub.folder(base))
    work = tokens * settings.epochs * weights * _WORK.get(settings.method, 1.0)
    return Estimate(
        rows=len(fit),
        tokens=tokens,
        supervised_tokens=learnt,
        longest=max(len(row.ids) for row in fit),
        truncated=sum(len(row.ids) > settings.max_length for row in encoded),
        steps=steps(len(fit), settings),
        memory_gib=round(_memory(settings, base, weights, fit), 1),
        seconds=round(work / _TOKENS_PER_SECOND),
    )


def _tokens(rows: Iterable[Encoded]) -> tuple[int, int]:
    """All tokens, and those that are learnt."""
    counts = [(len(row.ids), sum(row.supervised)) for row in rows]
    return sum(count for count, _ in counts), sum(learnt for _, learnt in counts)


def _memory(settings: TuneSettings, base: str, weights: int, rows: Sequence[Encoded]) -> float:
    """GiB while the longest rows are side by side: rows of like length go together.

    An architecture whose rows have to be padded (`attention.use`) takes more.
    """
    config, size = hub.load_config(base), settings.micro_batch_size
    count = settings.batch_size if size == "auto" else size
    longest = sorted(rows, key=lambda row: len(row.ids), reverse=True)[:count]
    tokens, learnt = _tokens(longest)
    if settings.pads:
        before = settings.virtual_tokens if settings.method == "prompt" else 0
        tokens = len(longest) * (before + len(longest[0].ids))
    values = _KEPT * int(config.num_hidden_layers) * int(config.hidden_size) * tokens
    values += _LOGITS * int(config.vocab_size) * learnt
    of_weight = settings.bits / 8 if settings.method == "qlora" else _BYTES[settings.method]
    return (weights * of_weight + 4 * values) / 2**30 + _LIBRARIES


def steps(rows: int, settings: TuneSettings) -> int:
    """Optimiser steps of the whole run."""
    return math.ceil(math.ceil(rows / settings.batch_size) * settings.epochs)


def parameters(folder: str) -> int:
    """Number of weights, from the headers of the safetensors files; 0 where there are none."""
    from safetensors import safe_open

    total = 0
    for file in Path(folder).glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            slices = map(weights.get_slice, weights.keys())
            total += sum(math.prod(one.get_shape()) for one in slices)
    return total

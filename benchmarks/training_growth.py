"""One point of a curve: `python training_growth.py OUT LENGTH SIZE WHO`; see training.py.

Rows of LENGTH random tokens, of which a fifth is learnt, 2,048 tokens a step; SIZE is `embedded`,
or hidden units and layers of a random Llama (`384x12`); WHO is `ours`, or `plain` (padded rows,
peft's layers, logits of all positions).
"""

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from training_levers import Stage, in_batches, memory, put, stages, supervised

from kamerton.develop.training.threads import repeatable

TOKENS, STEPS = 2048, 1


def model_of(size: str) -> Any:
    """The embedded model, or a random one of SmolLM2's form."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from kamerton.develop import hub

    if size == "embedded":
        return hub.load_model(size)
    import torch

    hidden, layers = map(int, size.split("x"))
    config = AutoConfig.from_pretrained(hub.folder("embedded"))
    config.hidden_size, config.num_hidden_layers = hidden, layers
    config.intermediate_size, config.num_attention_heads = hidden * 8 // 3, hidden // 64
    config.num_key_value_heads = hidden // 192
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def rows_of(length: int, vocabulary: int) -> list[Any]:
    """Random rows that begin differently: nothing is shared."""
    import random

    from kamerton.develop.training.checks import Encoded

    draw, learnt = random.Random(length), length // 5
    mask = (False,) * (length - learnt) + (True,) * learnt
    return [
        Encoded(str(n), tuple(draw.randrange(vocabulary) for _ in range(length)), mask)
        for n in range(TOKENS // length)
    ]


def main() -> None:
    """Time forward and backward, the first step left out."""
    out, length, size, who = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    repeatable(7, 0)
    import torch

    torch.utils.deterministic.fill_uninitialized_memory = False
    from kamerton.develop.settings import TuneSettings
    from kamerton.develop.training import speed
    from kamerton.develop.tune.adapter import attach

    model = attach(model_of(size), TuneSettings())
    model.train()
    rows = rows_of(length, model.config.vocab_size)
    flat = in_batches(list, True, len(rows))
    ours = Stage("ours", flat, supervised, tuple(speed.PARTS), True, True)
    stage = ours if who == "ours" else stages(len(rows))[0]
    put(model, stage)
    batch, taken = stage.batches(rows)[0], []
    with speed.kept_memory() if stage.kept else nullcontext():
        for _ in range(STEPS + 1):
            wall, spent = time.perf_counter(), time.process_time()
            stage.loss(model, batch).backward()
            taken.append((time.perf_counter() - wall, time.process_time() - spent))
            model.zero_grad()
    wall, spent = (min(one[i] for one in taken[1:]) for i in (0, 1))
    learnt = sum(sum(row.supervised) for row in rows)
    figures = {
        "length": length,
        "parameters": sum(p.numel() for p in model.get_base_model().parameters()),
        "who": who,
        "tokens_per_second": round(TOKENS // length * length / wall, 1),
        "supervised_tokens_per_second": round(learnt / wall, 1),
        "cpu_ms_per_token": round(1000 * spent / TOKENS, 3),
        "peak_mib": round(memory()),
    }
    out.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

"""The self-tests of a run, on its own model and rows, before the first step: checks.json."""

import json
from collections.abc import Sequence
from typing import Any

from kamerton.develop.training import attention, checks
from kamerton.develop.tune.batches import collate, columns, on_device, targets
from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.loss import check_head, supervised_loss
from kamerton.develop.tune.task import Task
from kamerton.develop.tune.trainer import Collate
from kamerton.formats.jsonl import write_text

CHECKS = "checks.json"
_ROUNDING = 1e-3
"""What float32 may make of a gradient, relative: 2e-5 through the 30 layers of the embedded model.
A mean of means is off by a tenth and more (huggingface/trl#2175)."""
_DOCUMENTS, _TOKENS = 3, 64
"""Rows that share one in the test of isolation, and tokens of each."""


def write(
    model: Any, task: Task, rows: Sequence[Encoded], right: checks.Masks, together: Collate
) -> None:
    """Run those that need the model, write what all found; InputError from the first that fails.

    Documents are isolated by padding where rows are padded: then there is nothing to test.
    """
    found: dict[str, checks.Masks | checks.Isolation | checks.Accumulation] = {"masks": right}
    head = check_head(model, on_device(model, collate(columns(rows[:2]))))
    if together is not collate:
        found["isolation"] = _isolation(model, rows)
    found["accumulation"] = _accumulation(model, rows, together)
    figures = checks.as_json(**found) | {"head": {"largest_logit_difference": head}}
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    write_text(task.out / CHECKS, text + "\n")


def _isolation(model: Any, rows: Sequence[Encoded]) -> checks.Isolation:
    documents = [rows[n % len(rows)].ids[:_TOKENS] for n in range(_DOCUMENTS)]
    vocabulary = model.get_input_embeddings().weight.shape[0]
    return checks.isolation(attention.packed_logits(model), documents, vocabulary, model)


def _accumulation(model: Any, rows: Sequence[Encoded], together: Collate) -> checks.Accumulation:
    def gathered(part: list[dict[str, Any]]) -> dict[str, Any]:
        return on_device(model, together(part))

    uneven = checks.windows(columns(rows))
    return checks.accumulation(model, uneven, gathered, supervised_loss, targets, _ROUNDING)

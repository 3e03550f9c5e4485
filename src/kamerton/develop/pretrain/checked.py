"""The self-tests at the start of every pretraining, on its own model and rows."""

import json
from functools import partial
from typing import Any

from kamerton.develop.pretrain import evaluate, model, rows
from kamerton.develop.pretrain.work import Work
from kamerton.develop.training import attention, checks
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note

CHECKS = "checks.json"
_LENGTHS = (3, 4, 3)
"""Tokens of the documents that try out whether they see each other; the smallest row has 16."""
_WINDOWS = 8


def check(made: Any, work: Work) -> None:
    """Test this very model, and write down what was found; InputError where a test fails.

    No token sees a later one, no document another, and no step depends on how its batch is cut.
    """
    model.check_causal(made)
    _isolate(made, work.context)
    marks = work.train.marks
    documents = _documents(len(work.tokenizer))
    alone = checks.isolation(partial(_packed, made, marks), documents, len(work.tokenizer), made)
    parts = checks.accumulation(
        made,
        checks.windows([work.train[n] for n in range(min(_WINDOWS, len(work.train)))]),
        partial(rows.collate, marks=marks),
        lambda one, batch, items: evaluate.nats(one, batch, half=False) / items,
        rows.batch_targets,
    )
    found = checks.as_json(isolation=alone, accumulation=parts)
    write_text(work.out / CHECKS, json.dumps(found, indent=2) + "\n")


def _isolate(made: Any, context: int) -> None:
    """Attention within documents, in the way that is faster here; whether it holds is tested next.

    On a CPU document by document: 4 to 20 % faster than transformers' mask at contexts of 256 and
    512, measured. On a GPU many small calls cost more than a mask.
    """
    import torch

    if torch.cuda.is_available():
        return
    try:
        attention.use(made, context)
    except InputError:  # another attention than the plain one: by transformers' mask
        note(say("develop.pretrain_masked", architecture=made.config.model_type))


def _documents(vocabulary: int) -> list[list[int]]:
    return [
        [(5 + 17 * n + 3 * i) % vocabulary for i in range(size)] for n, size in enumerate(_LENGTHS)
    ]


def _packed(made: Any, marks: rows.Marks, documents: Any) -> Any:
    """Logits [tokens, vocabulary] of documents in one row, each after its <bos>."""
    runs = [[marks.bos, *ids] for ids in documents]
    kept = [place > 0 for run in runs for place in range(len(run))]
    batch = rows.collate([{"input_ids": [token for run in runs for token in run]}], marks)
    batch.pop("labels")
    return made(**batch, use_cache=False).logits[0][kept]

"""What all contenders of the training benchmark are given: rows, batches, an adapter to start from.

Rows of two kinds of lengths: the museum recipe's own (chats of 50 to 180 tokens that begin alike)
and scitldr's (an abstract and one sentence, 110 to 500 tokens). Batches are those that Kamerton
draws; every contender takes the same rows in the same order.
"""

import json
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.data.guide.run import plan
from kamerton.develop.settings import GuideSettings, TuneSettings
from kamerton.develop.training.checks import Encoded
from kamerton.develop.tune.encode import encode
from kamerton.formats import recipe
from kamerton.formats.chat import ChatRow

BASE, SEED = "embedded", 7
MUSEUM = Path(__file__).parent.parent / "recipes" / "museum"
BATCH = {"museum": 12, "scitldr": 4}
"""Rows of a step: about 1,000 tokens."""
WARM, HELD_OUT = 1, 32
"""Steps at the beginning that are not timed; rows that final losses are measured on."""


def museum(data: Path) -> list[ChatRow]:
    """The museum recipe's training rows."""
    said = recipe.load(MUSEUM / "recipe.yaml")
    return list(plan(GuideSettings.model_validate(said["data"]), MUSEUM, said["seed"]).train)


def scitldr(data: Path) -> list[ChatRow]:
    """An abstract, and what it says in one sentence."""
    lines = (data / "scitldr" / "train.jsonl").read_text("utf-8").splitlines()
    return [_abstract(json.loads(line)) for line in lines[:400]]


def _abstract(row: dict[str, Any]) -> ChatRow:
    turns = {
        "system": "Summarise the abstract in one sentence.",
        "user": " ".join(row["source"]),
        "assistant": row["target"][0],
    }
    messages = [{"role": role, "content": text} for role, text in turns.items()]
    return ChatRow.model_validate({"id": row["paper_id"], "messages": messages})


KINDS = {"museum": museum, "scitldr": scitldr}


def settings(kind: str) -> TuneSettings:
    """The museum recipe's tuning, all linear layers, with this many rows a step."""
    return TuneSettings(batch_size=BATCH[kind], epochs=1, max_length=1024)


def rows(kind: str, data: Path) -> list[Encoded]:
    """All rows of a kind, as tokens."""
    tokenizer = hub.load_tokenizer(BASE)
    return [encode(row, tokenizer) for row in KINDS[kind](data)]


def prepare(kind: str, data: Path, out: Path, steps: int) -> dict[str, Any]:
    """Write work.json and adapter/ for `steps` timed steps; what work.json holds."""
    import random

    from kamerton.develop.training.threads import repeatable
    from kamerton.develop.tune.adapter import attach, save
    from kamerton.develop.tune.batches import Batches

    of, found = settings(kind), rows(kind, data)
    random.Random(SEED).shuffle(found)
    count = (steps + WARM) * of.batch_size
    learnt, held_out = found[:count], found[count : count + HELD_OUT]
    batches = Batches([len(row.ids) for row in learnt], of.batch_size, of.batch_size, SEED)
    work = {
        "base": hub.folder(BASE),
        "kind": kind,
        "rows": [_plain(row) for row in learnt],
        "held_out": [_plain(row) for row in held_out],
        "batches": list(batches),
        "batch_size": of.batch_size,
        "learning_rate": of.learning_rate,
        "warmup_steps": round(of.warmup * (steps + WARM)),
        "seed": SEED,
    }
    out.mkdir(parents=True)
    (out / "work.json").write_text(json.dumps(work))
    repeatable(SEED, 0)
    save(attach(hub.load_model(BASE), of), hub.load_tokenizer(BASE), BASE, out)
    return work


def _plain(row: Encoded) -> dict[str, Any]:
    return {"id": row.id, "input_ids": list(row.ids), "supervised": list(row.supervised)}


def encoded(rows: list[dict[str, Any]]) -> list[Encoded]:
    """Rows of work.json as the tune stage has them."""
    return [Encoded(row["id"], tuple(row["input_ids"]), tuple(row["supervised"])) for row in rows]


def timed(work: dict[str, Any]) -> dict[str, int]:
    """Tokens, and supervised tokens, of the steps that are timed."""
    rows = [work["rows"][i] for batch in work["batches"][WARM:] for i in batch]
    return {
        "tokens": sum(len(row["input_ids"]) for row in rows),
        "supervised_tokens": sum(sum(row["supervised"]) for row in rows),
    }


def held_out_loss(work: dict[str, Any], adapter: Path) -> float:
    """Mean loss of held-out supervised tokens in nats, of any contender's adapter, in float32."""
    from peft import PeftModel

    from kamerton.develop.tune.loss import measure

    rows = encoded(work["held_out"])
    losses = measure(PeftModel.from_pretrained(hub.load_model(BASE), adapter), rows)
    weights = [sum(row.supervised[1:]) for row in rows]
    pairs = zip(losses, weights, strict=True)
    return sum(loss * weight for loss, weight in pairs) / sum(weights)

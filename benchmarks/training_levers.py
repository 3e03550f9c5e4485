"""What each lever brings, one on top of the other: `python training_levers.py WORK OUT`.

One process, one model, the same few rows; stages in turn, several rounds, the least of each. Large
pages are in force in all of them. Told are processor seconds and seconds of forward and backward
for each supervised token, the memory that a stage adds, and what was tried on top and failed.
"""

import ctypes
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peers import measured
from training_work import BASE, encoded, settings

from kamerton.develop.training.threads import repeatable

ROWS, ROUNDS = 12, 2
Batches = list[dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """One lever, with all before it in force."""

    lever: str
    batches: Callable[[Sequence[Any]], Batches]
    loss: Callable[[Any, dict[str, Any]], Any]
    parts: tuple[str, ...] = ()
    """Of kamerton.develop.training.speed."""
    documents: bool = False
    kept: bool = False
    """Whether memory stays with the process from step to step."""
    tried: Callable[[Any], Callable[[], None]] | None = None


def in_batches(order: Callable[[Sequence[Any]], list[Any]], flat: bool, size: int) -> Any:
    """Rows to batches of `size`; flattened, or padded."""

    def cut(rows: Sequence[Any]) -> Batches:
        from kamerton.develop.training.attention import flatten
        from kamerton.develop.tune.batches import collate, columns

        found = columns(order(rows))
        together = flatten if flat else collate
        return [together(found[i : i + size]) for i in range(0, len(found), size)]

    return cut


def mixed(rows: Sequence[Any]) -> list[Any]:
    """In an order that knows no lengths."""
    return random.Random(1).sample(list(rows), len(rows))


def by_length(rows: Sequence[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: -len(row.ids))


def all_positions(model: Any, batch: dict[str, Any]) -> Any:
    """The model's own loss: logits of every position."""
    labels = batch["input_ids"].masked_fill(~batch["supervised"], -100)
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    return model(**given, labels=labels, use_cache=False).loss


def supervised(model: Any, batch: dict[str, Any]) -> Any:
    from kamerton.develop.tune.loss import supervised_loss

    return supervised_loss(model, batch)


def stages(size: int) -> list[Stage]:
    """The levers in use, then those tried on top of them."""
    from training_tried import TRIED

    from kamerton.develop.training import speed

    padded, like = in_batches(mixed, False, size), in_batches(by_length, False, size)
    flat = in_batches(by_length, True, size)
    found = [
        Stage("none: padded rows, peft's layers, logits of all positions", padded, all_positions),
        Stage("rows of like length together", like, all_positions),
        Stage("output layer on supervised positions only", like, supervised),
        Stage("no padding: attention within documents", flat, supervised, documents=True),
    ]
    names = {
        "products": "float32 products through oneDNN",
        "low_rank": "LoRA's algebra in one operation",
        "elementwise": "norms, gates, rotations in one operation each",
        "shared_prefixes": "shared prefixes computed once",
    }
    for count, part in enumerate(speed.PARTS, start=1):
        parts = tuple(speed.PARTS)[:count]
        found.append(Stage(names[part], flat, supervised, parts, True))
    last = replace(found[-1], lever="freed memory stays with the process", kept=True)
    tried = [replace(last, lever=name, tried=put) for name, put in TRIED.items()]
    return [*found, last, *tried]


def put(model: Any, stage: Stage) -> Callable[[], None]:
    """The model as in `stage`; what takes it back."""
    from kamerton.develop.training import attention, speed

    speed.undo(model)
    model.get_base_model().set_attn_implementation("sdpa")
    if stage.documents:
        attention.use(model, 4096)
    for part in stage.parts:
        speed.PARTS[part][0](model)
    return stage.tried(model) if stage.tried else lambda: None


def memory(reset: bool = False) -> float:
    """Most resident memory in MiB since the last reset (Linux)."""
    if reset:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(model: Any, stage: Stage, rows: Sequence[Any]) -> dict[str, float]:
    """One pass over the rows, forward and backward; where memory stays, after one that takes it."""
    from kamerton.develop.training import speed

    if not stage.kept:
        return _pass(model, stage, rows)
    with speed.kept_memory():
        first = _pass(model, stage, rows)
        return _pass(model, stage, rows) | {"memory_mib": first["memory_mib"]}


def _pass(model: Any, stage: Stage, rows: Sequence[Any]) -> dict[str, float]:
    batches, undo = stage.batches(rows), put(model, stage)
    before = memory(reset=True)
    wall, spent, total = time.perf_counter(), time.process_time(), 0.0
    for batch in batches:
        loss = stage.loss(model, batch)
        loss.backward()
        total += float(loss.detach()) * int(batch["supervised"][:, 1:].sum())
    found = {
        "cpu_seconds": time.process_time() - spent,
        "seconds": time.perf_counter() - wall,
        "memory_mib": memory() - before,
        "loss": total / sum(sum(row.supervised[1:]) for row in rows),
    }
    model.zero_grad()
    undo()
    return found


def table(model: Any, rows: Sequence[Any], size: int) -> list[dict[str, Any]]:
    """A row for each stage: figures of its best round."""
    learnt = sum(sum(row.supervised) for row in rows)
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(ROUNDS + 1):
        for stage in stages(size):
            measured = measure(model, stage, rows)
            print(number, stage.lever, measured, file=sys.stderr, flush=True)
            if number:  # the first round sets things up
                found.setdefault(stage.lever, []).append(measured)
    return [_row(stage, found[stage.lever], learnt) for stage in stages(size)]


def _row(stage: Stage, found: list[dict[str, float]], learnt: int) -> dict[str, Any]:
    least = {name: min(one[name] for one in found) for name in found[0]}
    return {
        "lever": stage.lever,
        "in_use": stage.tried is None,
        "supervised_tokens_per_second": round(learnt / least["seconds"], 1),
        "cpu_ms_per_supervised_token": round(1000 * least["cpu_seconds"] / learnt, 2),
        "memory_mib": round(least["memory_mib"]),
        "loss": round(least["loss"], 6),
    }


def shares(rows: list[dict[str, Any]], busy: bool) -> list[dict[str, Any]]:
    """Beside each row how many times faster it is than the one before, and than the first.

    On a busy machine by processor seconds. Levers that were tried are held against the last in use.
    """
    cost = "cpu_ms_per_supervised_token"
    value = (lambda r: 1 / r[cost]) if busy else (lambda r: r["supervised_tokens_per_second"])
    before, out = rows[0], []
    for row in rows:
        times = {
            "times_before": value(row) / value(before),
            "times_first": value(row) / value(rows[0]),
        }
        out.append(row | {name: round(number, 3) for name, number in times.items()})
        before = row if row["in_use"] else before
    return out


def main() -> None:
    """Measure all stages, write OUT/levers.json."""
    work, adapter, out = measured.work()
    repeatable(work["seed"], 0)
    import torch

    # Plain training does not fill memory either.
    torch.utils.deterministic.fill_uninitialized_memory = False
    from kamerton.develop import hub
    from kamerton.develop.tune import start
    from kamerton.develop.tune.adapter import attach

    model = attach(hub.load_model(BASE), settings(work["kind"]))
    start.take_over(model, adapter)
    model.train()
    rows = encoded(work["rows"])[:ROWS]
    found = table(model, rows, work["batch_size"])
    (out / "levers.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

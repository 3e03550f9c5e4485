"""The held-out rows under the model: nats for each token, and for each character."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain.model import computing
from kamerton.develop.pretrain.ngram import characters
from kamerton.develop.pretrain.rows import NO_TARGET, Rows, batch_targets, collate
from kamerton.develop.training.probe import undisturbed
from kamerton.formats.errors import InputError
from kamerton.formats.pretraining import Evaluation

_SHARE = 0.1
"""Most that evaluation in training may cost, as a share of the training's work."""
_BACKWARD = 3
"""Work of a training row, in forward passes: backward is two of them (Kaplan et al. 2020)."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows, and the characters that their targets stand for."""

    rows: Rows
    characters: int


def whole(rows: Rows, tokenizer: Path) -> HeldOut:
    """All rows; InputError where they stand for no text."""
    count = characters(rows.ids, tokenizer)
    if not count:
        raise InputError("develop.pretrain_no_rows", where=str(tokenizer.parent))
    return HeldOut(rows, count)


def part(held_out: HeldOut, tokenizer: Path, steps: int, batch_size: int, seed: int) -> HeldOut:
    """What is evaluated every `steps` steps of the training: all rows, or as many as are cheap.

    Never more work than a tenth of the steps' own, counted and not timed: a resumed run must take
    the same rows. They are drawn once, by the seed.
    """
    import numpy as np

    most = max(1, math.floor(_SHARE * _BACKWARD * steps * batch_size))
    if len(held_out.rows) <= most:
        return held_out
    drawn = np.random.default_rng(seed).choice(len(held_out.rows), most, replace=False)
    rows = Rows(held_out.rows.ids[np.sort(drawn)], held_out.rows.marks)
    return HeldOut(rows, characters(rows.ids, tokenizer))


def _quiet(_: int) -> None:
    """Progress that nobody wants to see."""


def evaluate(
    model: Any,
    held_out: HeldOut,
    step: int,
    at_once: int,
    half: bool,
    done: Callable[[int], object] = _quiet,
) -> Evaluation:
    """The loss of `held_out` at this step, `at_once` rows in memory together.

    `half`: computed in bfloat16, as the training is. `done` hears of rows. The model and all
    random states stay as they were.
    """
    import torch

    total, targets, rows = 0.0, 0, held_out.rows
    with undisturbed(model), torch.no_grad():
        model.eval()
        for start in range(0, len(rows), at_once):
            chosen = [rows[n] for n in range(start, min(start + at_once, len(rows)))]
            batch = collate(chosen, rows.marks)
            total += float(nats(model, batch, half))
            targets += int(batch_targets([batch]))
            done(len(chosen))
    return Evaluation(
        step=step, loss=total / max(targets, 1), nats_per_character=total / held_out.characters
    )


def nats(model: Any, batch: dict[str, Any], half: bool) -> Any:
    """Sum of the cross-entropies of a batch's targets, a float32 tensor []."""
    import torch.nn.functional as functional

    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in batch.items()}
    labels = functional.pad(inputs.pop("labels")[:, 1:], (0, 1), value=NO_TARGET)
    with computing(device.type, half):
        logits = model(**inputs, use_cache=False).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), reduction="sum", ignore_index=NO_TARGET
    )

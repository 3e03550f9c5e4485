"""The self-tests of learning from preferences, on the run's own model and rows: checks.json."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import checks
from kamerton.develop.training.memory import run_with
from kamerton.develop.training.probe import undisturbed
from kamerton.develop.tune.encode import encode
from kamerton.develop.tune.preference.head import log_probs
from kamerton.develop.tune.preference.rows import TRAIN, Answered, chats, placed
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text

CHECKS = "checks.json"
HEAD_BOUND = 1e-3
"""Largest difference of a token's log-probability in nats that rounding explains."""
_ROWS, _MASKS = 4, 64


@dataclass(frozen=True)
class Head:
    """Answers are scored as the model's own forward pass would."""

    answers: int
    largest_difference: float
    """Of an answer's log-probability in nats, for each of its tokens."""


def masks(settings: TuneSettings, tokenizer: Any, data: Path) -> checks.Masks:
    """Answers are what supervised tuning learns of the same chats, end-of-turn token included."""
    rows = islice(placed(data / TRAIN, settings), _MASKS)
    examples = [encode(chat, tokenizer).example for _, row in rows for chat in chats(row)]
    return checks.masks(examples, tokenizer)


def write(
    model: Any, trainer: Any, answers: Sequence[Answered], right: checks.Masks, out: Path
) -> None:
    """Run those that need the model, write what all found; InputError from the first that fails.

    Call it within `scoring`, before the training.
    """
    found = {
        "masks": asdict(right),
        "head": asdict(head(model, answers[:_ROWS])),
        "parts": asdict(parts(model, trainer)),
    }
    write_text(out / CHECKS, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def head(model: Any, answers: Sequence[Answered]) -> Head:
    """Compare log-probabilities of answers with those from the model's whole logits.

    The answers go through together, padded, and one by one: padding is tested with them.
    """
    with undisturbed(model):
        ours = log_probs(model, answers, len(answers), lambda rows: None)
        theirs = [_plainly(model, answer) for answer in answers]
    apart = [abs(one - two) for one, two in zip(ours, theirs, strict=True)]
    largest = max(d / len(a.answer) for d, a in zip(apart, answers, strict=True))
    if not largest <= HEAD_BOUND:
        kind = model.config.get_text_config().model_type
        raise InputError("develop.preference_head", architecture=kind, difference=largest)
    return Head(len(answers), largest)


def _plainly(model: Any, row: Answered) -> float:
    """Log-probability in nats of one answer, from all logits of the model's own forward pass."""
    import torch

    ids = torch.tensor([row.prompt + row.answer], device=next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, -len(row.answer) - 1 : -1]
    wanted = ids[0, len(row.prompt) :, None]
    return float(torch.log_softmax(logits.float(), dim=-1).gather(-1, wanted).sum())


def parts(model: Any, trainer: Any) -> checks.Accumulation:
    """A step of a few rows gives the same loss and gradient whole as one row at a time."""
    rows = min(_ROWS, len(trainer.train_dataset))
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(rows)])
    device = next(model.parameters()).device
    tensors = {name: value.to(device) for name, value in batch.items() if name != "id"}
    with undisturbed(model):
        model.eval()
        step = partial(_step, model, trainer, tensors)
        whole, together = run_with("auto", rows, step)  # as many at once as there is room for
        one, apart = step(1)
    length = _length(together)
    if length == 0:
        raise InputError("develop.training_no_gradient")
    loss = abs(whole - one) / max(abs(whole), 1e-30)
    gradient = _length([a - b for a, b in zip(together, apart, strict=True)]) / length
    if not max(loss, gradient) <= checks.BOUND:
        values: dict[str, Any] = {"loss": loss, "gradient": gradient, "bound": checks.BOUND}
        raise InputError("develop.training_accumulation", **values)
    return checks.Accumulation(rows, loss, gradient)


def _step(model: Any, trainer: Any, batch: Any, rows: int) -> tuple[float, list[Any]]:
    loss = float(trainer.step(model, batch, rows))
    found = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
    model.zero_grad()
    return loss, found


def _length(gradients: Sequence[Any]) -> float:
    from torch.nn.utils import get_total_norm

    return float(get_total_norm(gradients))

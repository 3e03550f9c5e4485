"""Cross-entropy with the output layer on supervised positions only, in training and held out.

With 49,152 tokens in the vocabulary and 576 hidden units the output layer is a fifth of the
work of a forward pass, and two thirds of the positions of a chat are not learnt. Exact: the
same loss as over all positions, of which the others have weight zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.training.attention import whole
from kamerton.develop.training.checks import Encoded
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.progress import progress

HEAD_BOUND = 1e-3
"""Largest difference of logits that rounding explains."""
_MICRO_BATCH_SIZE = 8
"""Held-out rows that are in memory together."""


def supervised_loss(model: Any, batch: dict[str, Any], items: Any = None) -> Any:
    """Sum of the token losses over `items` (supervised tokens of the whole optimiser step).

    `batch`: input_ids and supervised, each [rows, length]; with attention_mask where rows are
    padded, with position_ids and cu_seq_lens where they are flattened into one. Without `items`
    the mean over this batch (transformers#34191: the mean of means is another loss).
    """
    losses = _token_losses(model, batch)
    return losses.sum() / (items if items is not None else losses.numel())


def row_losses(model: Any, batch: dict[str, Any]) -> Any:
    """Mean loss in nats over the supervised tokens of each row, [rows]; rows are padded."""
    import torch

    rows = batch["supervised"][:, 1:].nonzero()[:, 0]
    losses, count = _token_losses(model, batch), len(batch["supervised"])
    totals = torch.zeros(count, device=losses.device).index_add_(0, rows, losses)
    return totals / torch.bincount(rows, minlength=count)


def _token_losses(model: Any, batch: dict[str, Any]) -> Any:
    """Loss in nats of each supervised token, [targets], row by row."""
    from torch.nn.functional import cross_entropy

    labels = batch["input_ids"][:, 1:][batch["supervised"][:, 1:]]
    return cross_entropy(_logits(model, batch).float(), labels, reduction="none")


def _logits(model: Any, batch: dict[str, Any]) -> Any:
    """Logits [targets, vocabulary] of the positions before each supervised token."""
    base = whole(model)
    hidden = base.get_decoder()(**_inputs(model, batch), use_cache=False).last_hidden_state
    # Virtual tokens stand in front: what follows them are the row's positions.
    row = hidden[:, hidden.shape[1] - batch["input_ids"].shape[1] :]
    return base.get_output_embeddings()(row[:, :-1][batch["supervised"][:, 1:]])


def _inputs(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The decoder's inputs; under a soft prompt its embeddings, then the row's."""
    config = getattr(model, "active_peft_config", None)
    if config is None or not config.is_prompt_learning:
        return {name: value for name, value in batch.items() if name != "supervised"}
    import torch

    ids, mask = batch["input_ids"], batch["attention_mask"]
    prompt = model.get_prompt(batch_size=len(ids))
    words = model.get_input_embeddings()(ids)
    front = mask.new_ones(prompt.shape[:2])
    return {
        "inputs_embeds": torch.cat([prompt.to(words.dtype), words], dim=1),
        "attention_mask": torch.cat([front, mask], dim=1),
    }


@dataclass(frozen=True)
class Head:
    """The result of `check_head`, for checks.json."""

    largest_logit_difference: float


def check_head(model: Any, batch: dict[str, Any]) -> Head:
    """Largest difference between our logits and those of the model's own forward pass.

    `batch`: a few padded rows. InputError above 1e-3: some architectures do more after their
    output layer (Gemma 2 caps logits, Granite divides them), and we would train another model.
    """
    import torch

    training = model.training
    model.eval()
    with torch.no_grad():
        ours = _logits(model, batch)
        mask = batch["attention_mask"]
        theirs = model(input_ids=batch["input_ids"], attention_mask=mask, use_cache=False).logits
    model.train(training)
    theirs = theirs[:, theirs.shape[1] - mask.shape[1] :]
    difference = float((ours - theirs[:, :-1][batch["supervised"][:, 1:]]).abs().max())
    if not difference <= HEAD_BOUND * max(1.0, float(ours.abs().max())):
        kind = model.config.get_text_config().model_type
        raise InputError("develop.tune_other_head", architecture=kind, difference=difference)
    return Head(difference)


def measure(model: Any, rows: Sequence[Encoded]) -> list[float]:
    """Mean cross-entropy in nats of each row's supervised tokens, in the order of `rows`.

    Without dropout and noise; the model is left as it was, and no random number is drawn.
    """
    import torch

    from kamerton.develop.tune.batches import collate, columns, on_device

    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    losses = [0.0] * len(rows)
    training = model.training
    model.eval()
    label, unit = say("develop.tune_held_out"), say("develop.rows")
    with torch.no_grad(), progress(label, len(rows), unit) as bar:
        for start in range(0, len(order), _MICRO_BATCH_SIZE):
            part = order[start : start + _MICRO_BATCH_SIZE]
            batch = on_device(model, collate(columns([rows[i] for i in part])))
            for place, loss in zip(part, row_losses(model, batch).tolist(), strict=True):
                losses[place] = loss
            bar.update(len(part))
    model.train(training)
    return losses


def write(
    rows: Sequence[Encoded], before: Sequence[float], after: Sequence[float], out: Path
) -> dict[str, object]:
    """Write losses.jsonl; give rows, tokens, and the mean of both over all tokens, in nats."""
    losses = [
        LossRow(id=row.id, group=row.group, tokens=sum(row.supervised[1:]), before=b, after=a)
        for row, b, a in zip(rows, before, after, strict=True)
    ]
    write_rows(out / LOSSES, losses)
    tokens = sum(row.tokens for row in losses)
    return {
        "rows": len(losses),
        "tokens": tokens,
        "before": round(sum(row.tokens * row.before for row in losses) / tokens, 6),
        "after": round(sum(row.tokens * row.after for row in losses) / tokens, 6),
    }

"""How well held-out answers are said, before training and after it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kamerton.develop.tune.encode import Encoded
from kamerton.develop.tune.loss import row_losses
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.progress import progress

FILE = "held_out.jsonl"
_ROWS_AT_ONCE = 8


def measure(model: Any, rows: Sequence[Encoded]) -> list[float]:
    """Mean cross-entropy in nats of each row's supervised tokens, in the order of `rows`.

    Without dropout and noise; the model is left as it was, and no random number is drawn.
    """
    import torch

    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    found = [0.0] * len(rows)
    training = model.training
    model.eval()
    with torch.no_grad(), progress(say("develop.tune_held_out"), len(rows)) as bar:
        bar.unit = say("develop.rows")
        for start in range(0, len(order), _ROWS_AT_ONCE):
            part = order[start : start + _ROWS_AT_ONCE]
            for place, loss in zip(part, _losses(model, [rows[i] for i in part]), strict=True):
                found[place] = loss
            bar.update(len(part))
    model.train(training)
    return found


def _losses(model: Any, rows: Sequence[Encoded]) -> list[float]:
    from kamerton.develop.tune.batches import collate, columns, on_device

    batch = on_device(model, collate(columns(rows)))
    return row_losses(model, batch).tolist()  # type: ignore[no-any-return]


def write(
    rows: Sequence[Encoded], before: Sequence[float], after: Sequence[float], out: Path
) -> dict[str, object]:
    """Write losses.jsonl; give rows, tokens, and the mean of both over all tokens, in nats."""
    found = [
        LossRow(id=row.id, group=row.group, tokens=sum(row.supervised[1:]), before=b, after=a)
        for row, b, a in zip(rows, before, after, strict=True)
    ]
    write_rows(out / LOSSES, found)
    tokens = sum(row.tokens for row in found)
    return {
        "rows": len(found),
        "tokens": tokens,
        "before": round(sum(row.tokens * row.before for row in found) / tokens, 6),
        "after": round(sum(row.tokens * row.after for row in found) / tokens, 6),
    }

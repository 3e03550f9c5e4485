"""Log-probabilities of answers, with the output layer on the answers' tokens only.

trl's own head scores every position where there is no Triton, and once more in the backward pass.
Prompts are most of a preference row: with 49,152 tokens in the vocabulary, 576 hidden units and
answers of 24 tokens in rows of 128 that is nine times the work (measured, one thread). Exact: the
same numbers, of which the others have no weight.
"""

import functools
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kamerton.develop.training.attention import whole
from kamerton.develop.training.probe import undisturbed
from kamerton.develop.tune.preference.rows import Answered
from kamerton.formats.errors import InputError

_SCALED = {
    "final_logit_softcapping": None,
    "logit_scale": 1.0,
    "output_multiplier": 1.0,
    "lm_head_multiplier": 1.0,
    "logits_scaling": 1.0,
}
"""What a configuration may do to logits after the output layer: the values that do nothing."""
_OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")
HEAD_BOUND = 1e-3
"""Largest difference of a token's log-probability in nats that rounding explains."""


@contextmanager
def scoring(model: Any) -> Iterator[Callable[[], None]]:
    """Within it `model(..., labels=..., fused_lm_head=True)` gives `log_probs` [rows, length - 1].

    The calling convention is trl's, so that its trainers run on it. What is yielded puts the head
    back after trl has put its own in its place. Afterwards the model is as it was.
    """
    base = whole(model)
    before = vars(base).get("forward")
    forward = base.forward

    def install() -> None:
        base.forward = types.MethodType(_head(base, forward), base)

    try:
        install()
        yield install
    finally:
        del base.forward
        if before is not None:
            base.forward = before


def _head(base: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """The forward with the head in it; trl's own for architectures that do more to logits."""
    config = base.config.get_text_config()
    scaled = any(getattr(config, name, None) not in (None, of) for name, of in _SCALED.items())
    if scaled or hasattr(config, "output_router_logits"):  # the latter balances experts beside
        from trl.trainer.utils import add_fused_lm_head

        base.forward = original
        add_fused_lm_head(base, outputs=_OUTPUTS)
        head: Callable[..., Any] = base.forward.__func__
        return head

    # `generate` and PEFT look at the signature.
    @functools.wraps(type(base).forward)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return original(*args, **kwargs)
        labels = kwargs.pop("labels")
        hidden = self.base_model(*args, **(kwargs | {"use_cache": False})).last_hidden_state
        return _score(hidden, labels, self.get_output_embeddings())

    return forward


def _score(hidden: Any, labels: Any, head: Any) -> Any:
    """Figures of each next token [rows, length - 1], zero where the label is -100.

    hidden: [rows, length, width]; labels: [rows, length], the tokens themselves, or -100.
    """
    import torch
    from trl.trainer.utils import FusedCausalLMOutput

    mask = labels[:, 1:] != -100
    logits = head(hidden[:, :-1][mask]).float()
    wanted = labels[:, 1:][mask][:, None]
    normal = torch.logsumexp(logits, dim=-1)

    def placed(values: Any) -> Any:
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    with torch.no_grad():
        entropy = normal - ((logits - normal[:, None]).exp() * logits).sum(-1)
        mean, top = logits.mean(-1), logits.argmax(-1) == wanted[:, 0]
    return FusedCausalLMOutput(
        log_probs=placed(logits.gather(-1, wanted)[:, 0] - normal),
        entropy=placed(entropy),
        mean_logits=placed(mean),
        is_top1=placed(top),
        label_mask=mask,
    )


def log_probs(
    model: Any, rows: Sequence[Answered], micro_batch_size: int, tick: Callable[[int], object]
) -> list[float]:
    """Log-probability in nats of each answer given its prompt; call it within `scoring`.

    `micro_batch_size` rows are in memory at the same time, those of like length together; `tick`
    is called after each such batch with the number of its rows.
    """
    import torch

    order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
    by_place: dict[int, float] = {}
    model.eval()
    for start in range(0, len(order), micro_batch_size):
        chosen = order[start : start + micro_batch_size]
        batch = _collate([rows[i] for i in chosen], next(model.parameters()).device)
        with torch.no_grad():
            scores = model(**batch, use_cache=False, fused_lm_head=True).log_probs
        # Prompt tuning puts virtual tokens in front; the tokens themselves stand at the end.
        sums = scores[:, 1 - batch["input_ids"].shape[1] :].sum(-1).tolist()
        by_place |= dict(zip(chosen, sums, strict=True))
        tick(len(chosen))
    return [by_place[i] for i in range(len(rows))]


def _collate(rows: Sequence[Answered], device: Any) -> dict[str, Any]:
    """Rows padded on the right: input_ids, attention_mask, labels, each [rows, longest]."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids = [torch.tensor(row.prompt + row.answer) for row in rows]
    labels = [torch.tensor((-100,) * len(row.prompt) + row.answer) for row in rows]
    batch = {
        "input_ids": pad_sequence(ids, batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }
    return {name: tensor.to(device) for name, tensor in batch.items()}


@dataclass(frozen=True)
class Head:
    """Answers are scored as the model's own forward pass would."""

    answers: int
    largest_difference: float
    """Of an answer's log-probability in nats, for each of its tokens."""


def check_head(model: Any, answers: Sequence[Answered]) -> Head:
    """Compare log-probabilities of answers with those from the model's whole logits.

    The answers go through together, padded, and one by one: padding is tested with them.
    """
    with undisturbed(model):
        ours = log_probs(model, answers, len(answers), lambda rows: None)
        theirs = [_from_all_logits(model, answer) for answer in answers]
    apart = [abs(one - two) for one, two in zip(ours, theirs, strict=True)]
    largest = max(d / len(a.answer) for d, a in zip(apart, answers, strict=True))
    if not largest <= HEAD_BOUND:
        kind = model.config.get_text_config().model_type
        raise InputError("develop.preference_head", architecture=kind, difference=largest)
    return Head(len(answers), largest)


def _from_all_logits(model: Any, row: Answered) -> float:
    """Log-probability in nats of one answer, from all logits of the model's own forward pass."""
    import torch

    ids = torch.tensor([row.prompt + row.answer], device=next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, -len(row.answer) - 1 : -1]
    wanted = ids[0, len(row.prompt) :, None]
    return float(torch.log_softmax(logits.float(), dim=-1).gather(-1, wanted).sum())

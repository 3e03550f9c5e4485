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
from typing import Any

from kamerton.develop.tune.preference.rows import Answered

_SCALED = {
    "final_logit_softcapping": None,
    "logit_scale": 1.0,
    "output_multiplier": 1.0,
    "lm_head_multiplier": 1.0,
    "logits_scaling": 1.0,
}
"""What a configuration may do to logits after the output layer, and when it does nothing."""
_OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")


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


def whole(model: Any) -> Any:
    """The causal language model itself, without what PEFT wraps around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _head(base: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """The forward with the head in it; trl's own for architectures that do more to logits."""
    if not _plain(base.config.get_text_config()):
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


def _plain(config: Any) -> bool:
    """Whether logits are what the output layer gives, and no experts are balanced beside."""
    scaled = any(getattr(config, name, None) not in (None, of) for name, of in _SCALED.items())
    return not scaled and not hasattr(config, "output_router_logits")


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
    model: Any, rows: Sequence[Answered], at_once: int, tick: Callable[[int], object]
) -> list[float]:
    """Log-probability in nats of each answer given its prompt; call it within `scoring`.

    `at_once` rows are in memory at the same time, those of like length together; `tick` is told
    after each such batch how many rows it had.
    """
    import torch

    order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
    found: dict[int, float] = {}
    model.eval()
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        batch = _collate([rows[i] for i in chosen], next(model.parameters()).device)
        with torch.no_grad():
            scores = model(**batch, use_cache=False, fused_lm_head=True).log_probs
        # Prompt tuning puts virtual tokens in front; the tokens themselves stand at the end.
        sums = scores[:, 1 - batch["input_ids"].shape[1] :].sum(-1).tolist()
        found |= dict(zip(chosen, sums, strict=True))
        tick(len(chosen))
    return [found[i] for i in range(len(rows))]


def _collate(rows: Sequence[Answered], device: Any) -> dict[str, Any]:
    """Rows padded on the right: input_ids, attention_mask, labels, each [rows, longest]."""
    import torch

    shape = (len(rows), max(map(len, rows)))
    ids = torch.zeros(shape, dtype=torch.long)
    attention = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, -100)
    for i, row in enumerate(rows):
        tokens = torch.tensor(row.prompt + row.answer)
        ids[i, : len(row)] = tokens
        attention[i, : len(row)] = 1
        labels[i, len(row.prompt) : len(row)] = tokens[len(row.prompt) :]
    batch = {"input_ids": ids, "attention_mask": attention, "labels": labels}
    return {name: tensor.to(device) for name, tensor in batch.items()}

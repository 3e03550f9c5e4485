"""Self-tests at the start of every run, on the model, the tokenizer and the rows of that run.

Each gives what it measured, or raises InputError: a mask that learns the wrong words, documents
that see each other, or a loss that depends on how a batch is cut all give a normal-looking loss
(unslothai/unsloth#2900, axolotl PR#3796, huggingface/trl#2175). Together they take a second or
two. They know nothing of the trainer: what they check is handed to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kamerton.develop.templates import adds_bos
from kamerton.develop.training.probe import undisturbed
from kamerton.develop.training.turns import Example, owners, spans
from kamerton.formats.errors import InputError

BOUND = 1e-5
"""Largest difference that float32 may make: of a logit, or relative, of a loss and a gradient.
Measured on a random Llama of 110 million weights in 30 layers: 0, 4e-8 and 2e-7."""
_ROWS, _SHOWN = 64, 3
_FAULTS = {
    "foreign": "develop.training_mask_foreign",
    "end": "develop.training_mask_no_end",
    "answer": "develop.training_mask_unlearnt",
}


@dataclass(frozen=True)
class Masks:
    """The masks of the rows are right."""

    rows: int
    """Rows that were looked at, turn by turn."""
    supervised_share: float
    """Of their tokens, those that are learnt: between 0 and 1."""
    bos: int
    """Marks of beginning at the start of each row."""
    spans: tuple[str, ...]
    """The first rows decoded, what is learnt between ⟦ and ⟧."""


@dataclass(frozen=True)
class Isolation:
    """Documents that share a row do not see each other."""

    documents: int
    largest_difference: float
    """Of any logit of the other documents, when one document is changed."""


@dataclass(frozen=True)
class Accumulation:
    """Loss and gradient do not depend on how a batch is cut into parts."""

    rows: int
    loss_difference: float
    """Relative, of all rows at once from one row at a time."""
    gradient_difference: float
    """Length of the gradients' difference over the length of the gradient."""


def as_json(**found: Masks | Isolation | Accumulation) -> dict[str, object]:
    """What checks.json holds: each check's name and its figures."""
    return {name: asdict(result) for name, result in found.items()}


def masks(rows: Sequence[Example], tokenizer: Any, **template: Any) -> Masks:
    """Exactly the assistant's answers are learnt, each with its end-of-turn token, and no more.

    Where turns begin and end is found by rendering the chat turn by turn (`turns.owners`), not by
    the template's marks, from which the masks were made. Looks at the first 64 rows. `template`:
    what else `apply_chat_template` was given.
    """
    looked = rows[:_ROWS]
    bos = max((_leading(row, tokenizer) for row in looked), default=0)
    learnt = sum(sum(map(bool, row.supervised)) for row in looked)
    share = learnt / max(sum(len(row.ids) for row in looked), 1)
    if not 0 < share < 1:
        raise InputError("develop.training_mask_share", share=share)
    for row in looked:
        _check_mask(row, tokenizer, template)
    shown = tuple(spans(row, tokenizer) for row in looked[:_SHOWN])
    return Masks(len(looked), share, bos, shown)


def _leading(row: Example, tokenizer: Any) -> int:
    """Marks of beginning at the start of a row; InputError where they are doubled, or lacking."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return 0
    count = next((place for place, token in enumerate(row.ids) if token != bos), len(row.ids))
    if count > 1 or (count != 1 and adds_bos(tokenizer)):
        token = tokenizer.bos_token
        raise InputError("develop.training_bos", row=row.id, count=count, token=token)
    return count


def _check_mask(row: Example, tokenizer: Any, template: dict[str, Any]) -> None:
    places = zip(row.supervised, owners(row, tokenizer, template), strict=True)
    for place, (learnt, owner) in enumerate(places):
        wanted = owner in ("answer", "end")
        if bool(learnt) == wanted:
            continue
        raise InputError(
            _FAULTS["foreign" if learnt else owner],
            row=row.id,
            place=place,
            role=owner,
            token=repr(tokenizer.decode([row.ids[place]])),
            shown=spans(row, tokenizer),
        )


def isolation(
    logits: Callable[[Sequence[Sequence[int]]], Any],
    documents: Sequence[Sequence[int]],
    vocabulary: int,
    model: Any,
    bound: float = BOUND,
) -> Isolation:
    """A change of one document moves no logit of another in the same packed batch.

    `logits` packs documents as the run does and gives logits [tokens, vocabulary] in their order
    (`attention.packed_logits`). Each document is changed in turn; three short ones are enough.
    ValueError for less than two, or where a change does not move even its own document's logits:
    then nothing was tested.
    """
    import torch

    if len(documents) < 2:
        raise ValueError("isolation needs two documents")
    with undisturbed(model), torch.no_grad():
        model.eval()
        before = logits(documents)
        moved = [_moved(logits, documents, vocabulary, before, n) for n in range(len(documents))]
    largest = max(moved)
    if not largest <= bound:
        raise InputError("develop.training_leak", difference=largest, bound=bound)
    return Isolation(len(documents), largest)


def _moved(logits: Any, documents: Any, vocabulary: int, before: Any, changed: int) -> float:
    """Largest difference in the other documents' logits, when document `changed` is another."""
    others = [list(ids) for ids in documents]
    others[changed] = [(token + 1 + vocabulary // 2) % vocabulary for token in others[changed]]
    differences = (logits(others) - before).abs().amax(dim=-1).split([len(ids) for ids in others])
    largest = [float(one.max()) for one in differences]
    if not largest.pop(changed) > BOUND:
        raise ValueError("the change of a document does not move its own logits")
    return max(largest)


def windows(rows: Sequence[dict[str, Any]], count: int = 8) -> list[dict[str, Any]]:
    """Beginnings of rows with uneven lengths, all learnt, for `accumulation`: short, so cheap.

    Gives `count` rows of input_ids and supervised, of 3, 4, 5 ... tokens where rows are as long.
    """
    cut = [rows[n % len(rows)]["input_ids"][: 3 + n] for n in range(count)]
    return [
        {"id": str(n), "input_ids": list(ids), "supervised": [False] + [True] * (len(ids) - 1)}
        for n, ids in enumerate(cut)
    ]


def accumulation(
    model: Any,
    rows: Sequence[dict[str, Any]],
    collate: Callable[[list[dict[str, Any]]], dict[str, Any]],
    loss: Callable[[Any, dict[str, Any], Any], Any],
    items: Callable[[list[dict[str, Any]]], Any],
    bound: float = BOUND,
) -> Accumulation:
    """All rows in one batch give the same loss and gradient as one row at a time, summed.

    `items(batches)`: what the run divides by, of one optimiser step; `loss(model, batch, items)`:
    the batch's part of the step's loss, a tensor []. Rows should be of uneven lengths (`windows`):
    with even ones a mean of means would pass. Dropout is off, the model stays as it was.
    """
    with undisturbed(model):
        model.eval()
        whole, gradient = _step(model, [collate(list(rows))], loss, items)
        parts, other = _step(model, [collate([row]) for row in rows], loss, items)
    apart, length = _distance(gradient, other)
    if length == 0:
        raise InputError("develop.training_no_gradient")
    found = Accumulation(len(rows), abs(whole - parts) / max(abs(whole), 1e-30), apart / length)
    if not max(found.loss_difference, found.gradient_difference) <= bound:
        raise InputError(
            "develop.training_accumulation",
            loss=found.loss_difference,
            gradient=found.gradient_difference,
            bound=bound,
        )
    return found


def _step(model: Any, batches: list[Any], loss: Any, items: Any) -> tuple[float, list[Any]]:
    """Loss of one optimiser step, and its gradient of each trained tensor."""
    total, count = 0.0, items(batches)
    for batch in batches:
        value = loss(model, batch, count)
        value.backward()
        total += float(value.detach())
    gradients = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
    model.zero_grad()
    return total, gradients


def _distance(gradient: list[Any], other: list[Any]) -> tuple[float, float]:
    """Length of their difference, and of the first, over all tensors."""
    from torch.nn.utils import get_total_norm

    apart = [one - two for one, two in zip(gradient, other, strict=True)]
    return float(get_total_norm(apart)), float(get_total_norm(gradient))

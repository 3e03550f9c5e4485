"""Self-tests at the start of every run, on the model, the tokenizer and the rows of that run.

Each gives what it measured, or raises InputError: a mask that learns the wrong words, documents
that see each other, or a loss that depends on how a batch is cut all give a normal-looking loss
(unslothai/unsloth#2900, axolotl PR#3796, huggingface/trl#2175). Together they take a second or
two. They know nothing of the trainer: what they check is handed to them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from kamerton.develop.hub import adds_bos
from kamerton.develop.training.probe import undisturbed
from kamerton.formats.chat import Message, chat_ids
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text

CHECKS = "checks.json"
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
class Encoded:
    """One training row as tokens."""

    id: str
    ids: tuple[int, ...]
    supervised: tuple[bool, ...]
    """Whether each token is a target, [length]."""
    group: str | None = None
    """What the row belongs to: a document, a user."""
    messages: tuple[Message, ...] = ()
    """The chat that was encoded."""


@dataclass(frozen=True)
class Masks:
    """The masks of the rows are right."""

    rows: int
    """Rows that were looked at, turn by turn."""
    supervised_share: float
    """Of their tokens, those that are learnt: between 0 and 1."""
    bos: int
    """BOS tokens at the start of each row."""
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


def write(out: Path, **results: Any) -> None:
    """Write `out`/checks.json: each check's name and its figures; `results` are dataclasses."""
    figures = {name: asdict(result) for name, result in results.items()}
    write_text(out / CHECKS, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def masks(rows: Sequence[Encoded], tokenizer: Any, **template: Any) -> Masks:
    """Exactly the assistant's answers are learnt, each with its end-of-turn token, and no more.

    Where turns begin and end is found by rendering the chat turn by turn (`owners`), not by the
    template's marks, from which the masks were made. Looks at the first 64 rows. `template`: what
    else `apply_chat_template` was given.
    """
    checked = rows[:_ROWS]
    bos = max((_leading_bos(row, tokenizer) for row in checked), default=0)
    learnt = sum(sum(map(bool, row.supervised)) for row in checked)
    share = learnt / max(sum(len(row.ids) for row in checked), 1)
    if not 0 < share < 1:
        raise InputError("develop.training_mask_share", share=share)
    for row in checked:
        _check_mask(row, tokenizer, template)
    shown = tuple(spans(row, tokenizer) for row in checked[:_SHOWN])
    return Masks(len(checked), share, bos, shown)


def _leading_bos(row: Encoded, tokenizer: Any) -> int:
    """BOS tokens at the start of a row; InputError where one is doubled or lacking."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return 0
    count = next((place for place, token in enumerate(row.ids) if token != bos), len(row.ids))
    if count > 1 or (count != 1 and adds_bos(tokenizer)):
        token = tokenizer.bos_token
        raise InputError("develop.training_bos", row=row.id, count=count, token=token)
    return count


def _check_mask(row: Encoded, tokenizer: Any, template: dict[str, Any]) -> None:
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
    """Prefixes of rows, of uneven lengths and all learnt, for `accumulation`: short, so cheap.

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
    return same_step(len(rows), (whole, gradient), (parts, other), bound)


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


def same_step(
    rows: int, whole: tuple[float, list[Any]], parts: tuple[float, list[Any]], bound: float
) -> Accumulation:
    """Compare loss and gradients of a step, whole and in parts; InputError where they differ."""
    from torch.nn.utils import get_total_norm

    (loss, gradient), (other_loss, other) = whole, parts
    length = float(get_total_norm(gradient))
    if length == 0:
        raise InputError("develop.training_no_gradient")
    apart = float(get_total_norm([a - b for a, b in zip(gradient, other, strict=True)]))
    result = Accumulation(rows, abs(loss - other_loss) / max(abs(loss), 1e-30), apart / length)
    if not max(result.loss_difference, result.gradient_difference) <= bound:
        raise InputError(
            "develop.training_accumulation",
            loss=result.loss_difference,
            gradient=result.gradient_difference,
            bound=bound,
        )
    return result


def owners(row: Encoded, tokenizer: Any, template: dict[str, Any]) -> list[str]:
    """For each token of `row` its part of the chat, [length].

    `answer` and `end` (its end-of-turn token) are what the assistant has to say; `system`, `user`
    and `assistant` are all else of such a turn. The chat is rendered up to each turn; InputError
    where a rendered prefix is not the row's own tokens. A row that was cut at its end is read as
    far as it goes.
    """
    first = row.messages[:1]
    opened = chat_ids(tokenizer, first, **template, add_generation_prompt=True)
    prompt = opened[len(chat_ids(tokenizer, first, **template)) :]  # what opens an assistant's turn
    parts: list[str] = []
    for number, message in enumerate(row.messages, start=1):
        rendered = chat_ids(tokenizer, row.messages[:number], **template)
        if list(row.ids[: len(rendered)]) != rendered[: len(row.ids)]:
            raise InputError("develop.training_turns", row=row.id, turn=number)
        turn = rendered[len(parts) :]
        if message.role != "assistant":
            parts += [message.role] * len(turn)
            continue
        if turn[: len(prompt)] != prompt:
            raise InputError("develop.training_turns", row=row.id, turn=number)
        parts += _answer(turn, len(prompt), row.id, message.content, tokenizer)
    if len(parts) < len(row.ids):
        raise InputError("develop.training_turns", row=row.id, turn=len(row.messages) + 1)
    return parts[: len(row.ids)]


def _answer(turn: list[int], opening: int, row: str, content: str, tokenizer: Any) -> list[str]:
    """Parts of an assistant's turn: what opens it, the answer, its end, what follows."""
    # Blanks after the mark (a line break) are no part of it.
    last = max(place for place, token in enumerate(turn) if tokenizer.decode([token]).strip())
    whole, before_last = (tokenizer.decode(turn[opening:end]).strip() for end in (None, last))
    # An answer may end with what reads like the mark.
    if whole.endswith(content.strip()) and not before_last.endswith(content.strip()):
        raise InputError("develop.training_no_end_mark", row=row)
    before, after = ["assistant"] * opening, ["assistant"] * (len(turn) - last - 1)
    return before + ["answer"] * (last - opening) + ["end"] + after


def spans(row: Encoded, tokenizer: Any) -> str:
    """The decoded row with what is learnt between ⟦ and ⟧."""
    ids, text, before, end = list(row.ids), "", "", 0
    for learnt, run in groupby(zip(ids, row.supervised, strict=True), itemgetter(1)):
        start, end = end, end + len(list(run))
        # Not token by token: one may be half a letter. Nor each run by itself where the row up to
        # it decodes to the same text: SentencePiece's decoder takes away the blank before a text.
        decoded = tokenizer.decode(ids[:end])
        goes_on = decoded.startswith(before)
        part = decoded[len(before) :] if goes_on else tokenizer.decode(ids[start:end])
        text, before = text + (f"⟦{part}⟧" if learnt else part), decoded
    return text

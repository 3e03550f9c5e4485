"""What came of all requests: rows, counts, and whether they are enough to go on with."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kamerton.client.hosts import host_of
from kamerton.develop.data.synth import ledger, prompts
from kamerton.develop.data.synth.filters import Example, Limits
from kamerton.develop.data.synth.ledger import Ledger
from kamerton.develop.data.synth.plan import Request
from kamerton.formats.brief import Order
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings


def rows(accepted: Sequence[Example], split: str, language: str) -> list[ChatRow]:
    """Training or test rows: the brief as a client would put it, and the text."""
    return [
        ChatRow(
            id=_row_id(example),
            messages=prompts.client_chat(example.brief, language, example.text),
            group=example.brief.product,
            origin=f"{ledger.FILE}#{example.id}",
        )
        for example in accepted
        if example.brief.split == split
    ]


def orders(accepted: Sequence[Example], limits: Limits) -> list[Order]:
    """What each row was ordered by, for scoring what a model answers to the same request."""
    spans = ((example, limits.lengths[example.brief.channel]) for example in accepted)
    return [
        Order(id=_row_id(example), brief=example.brief, shortest=fewest, longest=most)
        for example, (fewest, most) in spans
    ]


def summary(
    requests: Sequence[Request],
    settings: "SynthSettings",
    book: Ledger,
    accepted: Sequence[Example],
) -> dict[str, object]:
    """The same for the same rows, in whatever order they came: no times, and exact sums."""
    wanted = {request.ask.id for request in requests}
    own = [row for row in book.answered().values() if row.id in wanted]
    reasons = Counter(row.reason for row in own if row.reason)
    splits = Counter(example.brief.split for example in accepted)
    asked = Counter(request.brief.channel for request in requests)
    kept = Counter(example.brief.channel for example in accepted)
    return {
        "teacher": host_of(settings.base_url),
        "model": settings.model,
        "templates": prompts.template_hash(settings.language),
        "briefs": len(requests),
        "train": splits["train"],
        "test": splits["test"],
        "rejected": sum(reasons.values()),
        "failed": sum(row.id in wanted for row in ledger.failures(book.rows)),
        "reasons": dict(sorted(reasons.items())),
        "channels": {c: {"briefs": asked[c], "accepted": kept[c]} for c in sorted(asked)},
        "prompt_tokens": sum(row.prompt_tokens for row in book.rows),
        "completion_tokens": sum(row.completion_tokens for row in book.rows),
        "tokens_estimated": any(row.estimated for row in book.rows),
        "cost": round(math.fsum(row.cost for row in book.rows), 6),
    }


def check(
    requests: Sequence[Request],
    book: Ledger,
    accepted: Sequence[Example],
    left: Sequence[Request],
) -> None:
    """InputError where the budget left something unasked, or a split has no text."""
    where = str(book.path)
    if left:
        spent = {"tokens": book.tokens, "cost": f"{book.cost:.4g}"}
        done = len(requests) - len(left)
        raise InputError("develop.synth_budget", where=where, done=done, left=len(left), **spent)
    got = {example.brief.split for example in accepted}
    for split in sorted({request.brief.split for request in requests} - got):
        found = Counter(row.reason for row in book.rows if row.reason)
        shown = ", ".join(f"{reason}: {count}" for reason, count in found.most_common(5))
        raise InputError("develop.synth_nothing", where=where, split=split, reasons=shown)


def _row_id(example: Example) -> str:
    return f"synth.{example.id}"

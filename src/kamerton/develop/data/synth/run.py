"""Briefs to examples: ask the teacher for what the ledger lacks, filter, write rows and counts."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.client.hosts import host_of, is_local
from kamerton.develop.data.synth import ledger
from kamerton.develop.data.synth.filters import OWN, Context, Example, first_reason, judge, span
from kamerton.develop.data.synth.ledger import Ledger, LedgerRow
from kamerton.develop.data.synth.plan import Request, client_chat, plan, template_hash
from kamerton.develop.data.synth.teacher import Answer, Ask, ask_all
from kamerton.formats.brief import BRIEFS, Order
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings

SUMMARY = "synth.json"


def synthesise(settings: "SynthSettings", home: Path, out: Path, seed: int) -> None:
    """Write ledger.jsonl, train.jsonl, test.jsonl, briefs.jsonl and synth.json into `out`.

    What the ledger already holds is not asked again. Raises InputError, with everything that was
    done in its place, where the budget is spent, the teacher is gone, or no text is left.
    """
    requests = plan(settings, home, seed)
    book = Ledger(out / ledger.FILE, home / settings.recorded if settings.recorded else None)
    left = _ask_missing(requests, settings, book)
    accepted = _decide(requests, settings, book)
    summary = counts(requests, settings, book, accepted)
    for split in ("train", "test"):
        write_rows(out / f"{split}.jsonl", chat_rows(accepted, split, settings.language))
    write_rows(out / BRIEFS, orders(accepted, settings))
    write_text(out / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    note(say("develop.synth_done", **{k: summary[k] for k in ("train", "test", "rejected")}))
    check_outcome(requests, book, accepted, left)


def _ask_missing(
    requests: Sequence[Request], settings: "SynthSettings", book: Ledger
) -> list[Request]:
    """Ask what the ledger has no text for; gives what the budget did not allow any more."""
    answered = book.answered()
    missing = {r.ask.id: r for r in requests if r.ask.id not in answered}
    if not missing:
        return []
    label, unit = say("develop.synth_asking"), say("develop.synth_texts")
    with progress(label, len(requests), unit, len(requests) - len(missing)) as bar:

        def keep(ask: Ask, answer: Answer) -> None:
            book.append(_row(missing.pop(ask.id), answer, settings))
            bar.set_postfix_str(say("develop.synth_spent", tokens=book.tokens), refresh=False)
            bar.update(1)

        def stop() -> bool:
            return book.over(settings.budget_tokens, settings.budget_cost)

        asks = [request.ask for request in missing.values()]
        ask_all(asks, settings, keep, stop)
    return list(missing.values())


def _row(request: Request, answer: Answer, settings: "SynthSettings") -> LedgerRow:
    """The line of a request that just ended, with the verdict that it has by itself."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    cost = (prompt * settings.price_prompt + completion * settings.price_completion) / 1e6
    example = Example(request.ask.id, request.brief, answer.text, answer.finish_reason)
    reason = answer.why or first_reason(OWN, example, Context(settings))
    return LedgerRow(
        id=request.ask.id,
        host=host_of(settings.base_url),
        model=settings.model,
        prompt_hash=request.prompt_hash,
        template_hash=template_hash(settings.language),
        sent=[] if is_local(settings.base_url) else list(request.ask.messages),
        brief_id=request.brief.id,
        seed=request.ask.seed,
        prompt_tokens=prompt,
        completion_tokens=completion,
        estimated=answer.estimated,
        cost=cost,
        seconds=answer.seconds,
        attempts=answer.attempts,
        finish_reason=answer.finish_reason,
        status="failed" if answer.why else "rejected" if reason else "accepted",
        reason=reason,
        text=answer.text,
    )


def _decide(requests: Sequence[Request], settings: "SynthSettings", book: Ledger) -> list[Example]:
    """Judge all texts together and note it in the ledger; the accepted ones by id."""
    answered = book.answered()
    examples = [
        Example(r.ask.id, r.brief, answered[r.ask.id].text, answered[r.ask.id].finish_reason)
        for r in requests
        if r.ask.id in answered
    ]
    reasons = judge(examples, settings)
    book.decide(reasons)
    return [example for example in examples if not reasons[example.id]]


def chat_rows(accepted: Sequence[Example], split: str, language: str) -> list[ChatRow]:
    """Training or test rows: the brief as a client would put it, and the text."""
    return [
        ChatRow(
            id=f"synth.{example.id}",
            messages=client_chat(example.brief, language, example.text),
            group=example.brief.product,
            origin=f"{ledger.FILE}#{example.id}",
        )
        for example in accepted
        if example.brief.split == split
    ]


def orders(accepted: Sequence[Example], settings: "SynthSettings") -> list[Order]:
    """What each row was ordered by, for scoring what a model answers to the same request."""
    return [
        Order(id=f"synth.{one.id}", brief=one.brief, shortest=fewest, longest=most)
        for one in accepted
        for fewest, most in [span(settings, one.brief)]
    ]


def counts(
    requests: Sequence[Request],
    settings: "SynthSettings",
    book: Ledger,
    accepted: Sequence[Example],
) -> dict[str, object]:
    """The same for the same rows, in whatever order they came: no times, and exact sums."""
    wanted = {request.ask.id for request in requests}
    answered = [row for row in book.answered().values() if row.id in wanted]
    reasons = Counter(row.reason for row in answered if row.reason)
    splits = Counter(example.brief.split for example in accepted)
    asked = Counter(request.brief.channel for request in requests)
    kept = Counter(example.brief.channel for example in accepted)
    return {
        "teacher": host_of(settings.base_url),
        "model": settings.model,
        "templates": template_hash(settings.language),
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


def check_outcome(
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
        reasons = Counter(row.reason for row in book.rows if row.reason)
        shown = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common(5))
        raise InputError("develop.synth_nothing", where=where, split=split, reasons=shown)

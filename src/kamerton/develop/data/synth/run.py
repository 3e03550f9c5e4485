"""Briefs to examples: ask the teacher for what the ledger lacks, filter, write rows and counts."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.client.hosts import host_of
from kamerton.develop.data.synth import ledger, outcome, prompts
from kamerton.develop.data.synth.filters import OWN, Context, Example, first_reason, judge
from kamerton.develop.data.synth.ledger import Ledger, LedgerRow
from kamerton.develop.data.synth.plan import Request, limits_of, plan, teacher_of
from kamerton.develop.data.synth.teacher import Answer, Ask, ask_all, key_of
from kamerton.formats.brief import BRIEFS
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
    summary = outcome.summary(requests, settings, book, accepted)
    for split in ("train", "test"):
        write_rows(out / f"{split}.jsonl", outcome.rows(accepted, split, settings.language))
    write_rows(out / BRIEFS, outcome.orders(accepted, limits_of(settings)))
    write_text(out / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    note(say("develop.synth_done", **{k: summary[k] for k in ("train", "test", "rejected")}))
    outcome.check(requests, book, accepted, left)


def _ask_missing(
    requests: Sequence[Request], settings: "SynthSettings", book: Ledger
) -> list[Request]:
    """Ask what the ledger has no text for; gives what the budget did not allow any more."""
    answered = book.answered()
    missing = {r.ask.id: r for r in requests if r.ask.id not in answered}
    if not missing:
        return []
    teacher = teacher_of(settings, key_of(settings.api_key_env))
    total, done = len(requests), len(requests) - len(missing)
    with progress(say("develop.synth_asking"), total, say("develop.synth_texts")) as bar:
        bar.update(done)
        bar.initial = done

        def keep(ask: Ask, answer: Answer) -> None:
            book.append(_row(missing.pop(ask.id), answer, settings))
            bar.set_postfix_str(say("develop.synth_spent", tokens=book.tokens), refresh=False)
            bar.update(1)

        def stop() -> bool:
            return book.over(settings.budget_tokens, settings.budget_cost)

        asks = [request.ask for request in missing.values()]
        asyncio.run(ask_all(asks, teacher, keep, stop))
    return list(missing.values())


def _row(request: Request, answer: Answer, settings: "SynthSettings") -> LedgerRow:
    """The line of a request that just ended, with the verdict that it has by itself."""
    last, prompt, completion = answer.last, answer.prompt_tokens, answer.completion_tokens
    cost = (prompt * settings.price_prompt + completion * settings.price_completion) / 1e6
    example = Example(request.ask.id, request.brief, last.text, last.finish_reason)
    reason = last.why or first_reason(OWN, example, Context(limits_of(settings)))
    return LedgerRow(
        id=request.ask.id,
        host=host_of(settings.base_url),
        model=settings.model,
        prompt_hash=request.prompt_hash,
        template_hash=prompts.template_hash(settings.language),
        brief_id=request.brief.id,
        seed=request.ask.seed,
        prompt_tokens=prompt,
        completion_tokens=completion,
        estimated=answer.estimated,
        cost=cost,
        seconds=answer.seconds,
        attempts=answer.attempts,
        finish_reason=last.finish_reason,
        status="failed" if last.why else "rejected" if reason else "accepted",
        reason=reason,
        text=last.text,
    )


def _decide(requests: Sequence[Request], settings: "SynthSettings", book: Ledger) -> list[Example]:
    """Judge all texts together and note it in the ledger; the accepted ones by id."""
    answered = book.answered()
    examples = [
        Example(r.ask.id, r.brief, answered[r.ask.id].text, answered[r.ask.id].finish_reason)
        for r in requests
        if r.ask.id in answered
    ]
    reasons = judge(examples, limits_of(settings))
    book.decide(reasons)
    return [example for example in examples if not reasons[example.id]]

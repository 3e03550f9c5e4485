"""The judge from pairs to a report: asks what is not in the ledger, and writes `judge.json`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kamerton.experiment.judge import hosts, ledger, prompts, reading, report
from kamerton.experiment.judge.calibration import Human
from kamerton.experiment.judge.client import Ask, Judge, Reply, ask_all, key_of
from kamerton.experiment.judge.ledger import Ledger, LedgerRow
from kamerton.experiment.judge.outcome import Key, outcomes
from kamerton.experiment.judge.pairs import Choice, Pair, distinct
from kamerton.experiment.judge.prompts import Order
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.progress import progress

_SHOWN = 2000


def judge_pairs(
    pairs: Sequence[Pair],
    settings: JudgeSettings,
    out: Path,
    human: Human | None = None,
    mask: hosts.Mask | None = None,
    claims: bool = True,
) -> report.JudgeReport:
    """Judge every pair by every criterion in both orders; write the ledger and the report to `out`.

    A second start asks only what has no answer yet. `human`: people's choices to calibrate by.
    `mask` takes personal data out of texts that go to a host which is not trusted. `claims` is
    false for a run that may claim no verdict: none is written, the figures stay. A judge that
    fails gives a report without verdicts that says so; InputError only where it refuses us
    altogether, or where texts may not be sent to its host.
    """
    distinct(pairs)
    if not pairs:
        raise InputError("experiment.judge_no_pairs", arm="tuned", against="base")
    sent = hosts.shown(pairs, settings, mask)
    asks = plan(sent, settings)
    book = Ledger(out / ledger.FILE)
    _ask(asks, settings, book)
    rows = {(a.pair, a.criterion, a.order): book.rows[a.id] for a in asks if a.id in book.rows}
    found = _report(pairs, settings, rows, human)
    found = found if claims else report.silenced(found)
    write_text(out / report.FILE, found.model_dump_json(indent=2) + "\n")
    return found


def plan(pairs: Sequence[Pair], settings: JudgeSettings) -> list[Ask]:
    """All requests, in the order in which they are sent; none for identical answers.

    The criteria of a pair stand together, so a run that ends early has judged whole pairs.
    """
    return [
        _request(pair, criterion, order, settings)
        for pair in pairs
        if not pair.identical
        for criterion in settings.criteria
        for order in prompts.ORDERS
    ]


def _request(pair: Pair, criterion: str, order: Order, settings: JudgeSettings) -> Ask:
    name = next(known for known in settings.criteria if known == criterion)
    messages = tuple(prompts.asked(pair, name, order, settings.language))
    host = hosts.host_of(settings.base_url)
    asked = (str(settings.max_tokens), str(settings.seed), settings.form, pair.id, name, order)
    said = (turn.model_dump_json() for turn in messages)
    return Ask(digest(host, settings.model, *asked, *said), pair.id, name, order, messages)


def _ask(asks: Sequence[Ask], settings: JudgeSettings, book: Ledger) -> None:
    """Ask what the ledger does not have, under a progress line."""
    left = [ask for ask in asks if not book.has(ask.id)]
    if not left:
        return
    judge = Judge(settings, key_of(settings.api_key_env), settings.form)
    host = hosts.host_of(settings.base_url)
    with progress(say("experiment.judge_asking", model=settings.model), len(asks)) as bar:
        bar.update(len(asks) - len(left))
        bar.initial = len(asks) - len(left)

        def keep(ask: Ask, reply: Reply) -> None:
            book.append(_row(ask, reply, host, settings.model))
            bar.update(1)

        asyncio.run(ask_all(left, judge, keep))


def _row(ask: Ask, reply: Reply, host: str, model: str) -> LedgerRow:
    found = reading.read(reply.text) if not reply.why else reading.Reading("")
    return LedgerRow(
        id=ask.id,
        pair=ask.pair,
        criterion=ask.criterion,
        order=ask.order,
        host=host,
        model=model,
        form=reply.form,
        choice=_choice(found.winner, ask.order),
        why=reply.why or found.why,
        reason=found.reason[:_SHOWN],
        text=reply.text[:_SHOWN],
        attempts=reply.attempts,
        seconds=reply.seconds,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )


def _choice(winner: reading.Winner, order: Order) -> Choice:
    """Which arm won, given which was shown first."""
    if winner in {"", "tie"}:
        return "tie" if winner else "unrated"
    return "base" if (winner == "1") == (order == "base_first") else "tuned"


def _report(
    pairs: Sequence[Pair],
    settings: JudgeSettings,
    rows: dict[Key, LedgerRow],
    human: Human | None,
) -> report.JudgeReport:
    forms = [row.form for row in rows.values()]
    found = outcomes(pairs, settings.criteria, rows)
    return report.JudgeReport(
        model=settings.model,
        host=hosts.host_of(settings.base_url),
        requests=len(rows),
        forms={form: forms.count(form) for form in dict.fromkeys(forms)},
        criteria=report.judged(found, settings, human),
    )

"""The judge from pairs to a report: asks what is not in the ledger, and writes `judge.json`."""

from collections.abc import Sequence
from pathlib import Path

from kamerton.client import hosts
from kamerton.client.concurrent import run
from kamerton.client.ledger import Ledger
from kamerton.experiment.judge import prompts, report
from kamerton.experiment.judge.asking import FILE, Ask, LedgerRow, ask_all, request
from kamerton.experiment.judge.doubts import Human
from kamerton.experiment.judge.outcome import Key, outcomes
from kamerton.experiment.judge.pairs import Pair, distinct
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.progress import progress


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
    sent = shown(pairs, settings, mask)
    asks = plan(sent, settings)
    book = Ledger(out / FILE, LedgerRow)
    _ask(asks, settings, book)
    rows = {(a.pair, a.criterion, a.order): row for a in asks if (row := book.get(a.id))}
    found = _report(pairs, settings, rows, human)
    found = found if claims else report.silenced(found)
    write_text(out / report.FILE, found.model_dump_json(indent=2) + "\n")
    return found


def shown(pairs: Sequence[Pair], settings: JudgeSettings, mask: hosts.Mask | None) -> list[Pair]:
    """The pairs as the judge may see them: masked where they leave for a host not trusted.

    InputError where they may not leave the machine, or there is nothing to mask them with.
    """
    clean = hosts.mask_for(settings.base_url, settings.trusted_hosts, settings.leaves_machine, mask)
    fields = ("question", "base", "tuned", "reference")
    return [p.model_copy(update={name: clean(getattr(p, name)) for name in fields}) for p in pairs]


def plan(pairs: Sequence[Pair], settings: JudgeSettings) -> list[Ask]:
    """All requests, in the order in which they are sent; none for identical answers.

    The criteria of a pair stand together, so a run that ends early has judged whole pairs.
    """
    return [
        request(
            pair.id,
            criterion,
            order,
            prompts.asked(pair, criterion, order, settings.language),
            settings,
        )
        for pair in pairs
        if not pair.identical
        for criterion in settings.criteria
        for order in prompts.ORDERS
    ]


def _ask(asks: Sequence[Ask], settings: JudgeSettings, book: Ledger[LedgerRow]) -> None:
    """Ask what the ledger does not have, under a progress line."""
    left = missing(asks, book)
    if not left:
        return
    with progress(say("experiment.judge_asking", model=settings.model), len(asks)) as bar:
        bar.update(len(asks) - len(left))
        bar.initial = len(asks) - len(left)

        def keep(row: LedgerRow) -> None:
            book.append(row)
            bar.update(1)

        run(ask_all(left, settings, keep))


def missing(asks: Sequence[Ask], book: Ledger[LedgerRow]) -> list[Ask]:
    """What the judge has not answered yet, sense or not; the same request once."""
    distinct_asks = {ask.id: ask for ask in asks}
    answered = {row.id for row in book.rows if row.answered}
    return [ask for id, ask in distinct_asks.items() if id not in answered]


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

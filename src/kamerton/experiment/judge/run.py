"""The judge from pairs to a report: tells what will be asked, asks it, and writes `judge.json`."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.client import hosts
from kamerton.client.ledger import Ledger
from kamerton.experiment.judge import prompts, report
from kamerton.experiment.judge.asking import FILE, Ask, LedgerRow, ask_all, request
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
    human: report.Human | None = None,
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
    if left := missing(asks, book):
        label, done = say("experiment.judge_asking", model=settings.model), len(asks) - len(left)
        with progress(label, len(asks), done=done) as bar:

            def keep(row: LedgerRow) -> None:
                book.append(row)
                bar.update(1)

            ask_all(left, settings, keep)
    rows = {(a.pair, a.criterion, a.order): row for a in asks if (row := book.get(a.id))}
    outcomes = report.outcomes(pairs, settings.criteria, rows)
    found = report.JudgeReport(
        model=settings.model,
        host=hosts.host_of(settings.base_url),
        requests=len(rows),
        forms=Counter(row.form for row in rows.values()),
        criteria=report.judged(outcomes, settings, human),
    )
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


def missing(asks: Sequence[Ask], book: Ledger[LedgerRow]) -> list[Ask]:
    """What the judge has not answered yet, sense or not; the same request once."""
    distinct_asks = {ask.id: ask for ask in asks}
    answered = {row.id for row in book.rows if row.answered}
    return [ask for id, ask in distinct_asks.items() if id not in answered]


ASSUMED = 3.0
"""Seconds for one request where none was measured: a short reply of a model of a few billion
parameters on one GPU. It is said that this is assumed."""


@dataclass(frozen=True)
class Outlook:
    """What will be asked."""

    pairs: int
    identical: int
    """Of the pairs: equal answers, which are not asked about."""
    criteria: int
    requests: int
    done: int
    """Of the requests: answered at an earlier start."""
    characters: int
    """Letters that will be sent, for whoever pays by tokens."""
    measured: bool
    """Whether the time rests on this judge's earlier replies."""
    minutes: float
    leaves_machine: bool
    """Whether the texts go to a host that is neither this machine nor trusted, masked."""

    @property
    def left(self) -> int:
        """Requests that will be sent."""
        return self.requests - self.done


def outlook(
    pairs: Sequence[Pair], settings: JudgeSettings, out: Path, mask: hosts.Mask | None
) -> Outlook:
    """What `judge_pairs` with the same arguments would do; InputError where it may not."""
    sent = shown(pairs, settings, mask)
    asks, book = plan(sent, settings), Ledger(out / FILE, LedgerRow)
    left = missing(asks, book)
    host = hosts.host_of(settings.base_url)
    took = [r.seconds for r in book.rows if (r.host, r.model) == (host, settings.model)]
    each = statistics.median(took) if took else ASSUMED
    return Outlook(
        pairs=len(pairs),
        identical=sum(pair.identical for pair in pairs),
        criteria=len(settings.criteria),
        requests=len(asks),
        done=len(asks) - len(left),
        characters=sum(len(turn.content) for ask in left for turn in ask.messages),
        measured=bool(took),
        minutes=len(left) * each / settings.concurrency / 60,
        leaves_machine=not hosts.stays(settings.base_url, settings.trusted_hosts),
    )


def sentences(found: Outlook, settings: JudgeSettings) -> list[str]:
    """The plan in words, in the language in force."""
    host = hosts.host_of(settings.base_url)
    values = vars(found) | {"left": found.left, "minutes": f"{found.minutes:.1f}"}
    key = "measured" if found.measured else "assumed"
    told = [
        say("experiment.judge_plan", model=settings.model, host=host, **values),
        say(f"experiment.judge_plan_{key}", assumed=f"{ASSUMED:g}", **values),
    ]
    if found.leaves_machine:
        told.append(say("experiment.judge_plan_leaves", host=host))
    return told

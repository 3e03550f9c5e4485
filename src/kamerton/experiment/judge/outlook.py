"""What judging will take, told before it begins: requests, and time where that can be known."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.client import hosts
from kamerton.client.ledger import Ledger
from kamerton.experiment.judge.asking import FILE, LedgerRow
from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.run import missing, plan, shown
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.language import say

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

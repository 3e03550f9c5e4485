"""From two orders of one question to one outcome for each pair and criterion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.asking import LedgerRow
from kamerton.experiment.judge.pairs import Choice, Pair
from kamerton.experiment.judge.prompts import ORDERS, Order

Key = tuple[str, Judgeable, Order]
Kept = Literal["", "identical", "changed", "flipped"]


@dataclass(frozen=True)
class Outcome:
    """What the judge finds of one pair by one criterion."""

    pair: Pair
    criterion: Judgeable
    choice: Choice
    note: Kept = ""
    """Of a tie: `identical` answers, not asked; `flipped`: the other order, the other winner;
    `changed`: a winner in one order only."""
    why: str = ""
    """Of an unrated pair: what was wrong with the first reply that was wrong."""
    firsts: int = 0
    """Of both orders, how often the answer shown first won."""
    decided: int = 0
    """Of both orders, how often one of the two won."""


def outcomes(
    pairs: Sequence[Pair], criteria: Sequence[Judgeable], rows: Mapping[Key, LedgerRow]
) -> list[Outcome]:
    """One outcome for every pair and criterion, whatever became of its requests."""
    return [
        Outcome(pair, criterion, "tie", "identical")
        if pair.identical
        else _outcome(pair, criterion, [rows.get((pair.id, criterion, order)) for order in ORDERS])
        for criterion in criteria
        for pair in pairs
    ]


def _outcome(pair: Pair, criterion: Judgeable, both: Sequence[LedgerRow | None]) -> Outcome:
    said = [row.choice if row else "unrated" for row in both]
    firsts = (said[0] == "base") + (said[1] == "tuned")
    decided = sum(choice in {"base", "tuned"} for choice in said)
    if "unrated" in said:
        row = both[said.index("unrated")]
        why = row.why if row else "not_asked"
        return Outcome(pair, criterion, "unrated", why=why, firsts=firsts, decided=decided)
    if said[0] == said[1]:
        return Outcome(pair, criterion, said[0], firsts=firsts, decided=decided)
    # The judge changed its mind with the order alone: a tie (Zheng et al. 2023, MT-Bench).
    note: Kept = "flipped" if set(said) == {"base", "tuned"} else "changed"
    return Outcome(pair, criterion, "tie", note, firsts=firsts, decided=decided)

"""Every character that was read: kept, repaired or dropped, and by what."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kamerton.develop.data.corpus.cleaning import Cleaned
from kamerton.develop.data.corpus.twice import Twice


@dataclass(frozen=True)
class Account:
    """One document; kept + repaired + all of dropped = read."""

    id: str
    read: int
    kept: int
    repaired: int
    dropped: dict[str, int]
    """Reason (a filter, `near`, `exact`, `contained`, `rights`) to characters of the source."""
    naive: int
    """Characters that "drop every sentence with a foreign letter" would have dropped."""

    @property
    def lost(self) -> int:
        """Characters dropped for whatever reason."""
        return sum(self.dropped.values())


def accounts(documents: Sequence[Cleaned], twice: Sequence[Twice]) -> list[Account]:
    """The account of each document after its own cleaning and the comparison with all others."""
    whole = {t.dropped: t.level for t in twice if t.piece < 0}
    paragraphs: dict[str, list[int]] = defaultdict(list)
    for t in twice:
        if t.piece >= 0:
            paragraphs[t.dropped].append(t.piece)
    return [_account(d, whole.get(d.id), paragraphs[d.id]) for d in documents]


def _account(document: Cleaned, level: str | None, gone: list[int]) -> Account:
    if level:
        return Account(document.id, document.read, 0, 0, {level: document.read}, document.naive)
    source, touched = (int(document.pieces[gone, column].sum()) for column in (2, 3))
    dropped = {rule: count.characters for rule, count in document.drops.items()}
    dropped |= {"near": source} if source else {}
    repaired = document.repaired - touched
    kept = document.read - document.dropped - document.repaired - (source - touched)
    return Account(document.id, document.read, kept, repaired, dropped, document.naive)

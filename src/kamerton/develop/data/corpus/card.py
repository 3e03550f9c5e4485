"""The card of a corpus: what was read, what was done to it, what is left; JSON, Markdown, HTML.

Every character that was read has its place in an account: kept, repaired or dropped, and by what.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.card import Facts, render, write_card
from kamerton.develop.data.corpus.cleaning import Cleaned, Count
from kamerton.develop.data.corpus.duplicates import Duplicate, Duplicates
from kamerton.develop.data.corpus.tokenizer import TokenizerReport
from kamerton.develop.data.corpus.tokens import Packed
from kamerton.formats.language import say


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


def accounts(documents: Sequence[Cleaned], duplicates: Sequence[Duplicate]) -> list[Account]:
    """The account of each document after its own cleaning and the comparison with all others."""
    whole = {t.dropped: t.level for t in duplicates if t.piece < 0}
    paragraphs: dict[str, list[int]] = defaultdict(list)
    for t in duplicates:
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


_SHOWN = 10
_CYRILLIC = re.compile("[\u0400-\u052f]")
_LATIN = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")


class Rule(BaseModel):
    """One rule over the whole corpus."""

    model_config = ConfigDict(frozen=True)
    name: str
    times: int
    characters: int
    samples: list[str]
    most: str
    """The document in which it did the most."""


class Work(BaseModel):
    """One document's account, in characters."""

    model_config = ConfigDict(frozen=True)
    id: str
    read: int
    kept: int
    repaired: int
    dropped: int
    naive: int
    split: str


class Card(BaseModel):
    """All figures of a corpus."""

    model_config = ConfigDict(frozen=True)
    source: str
    language: str
    licence: str = ""
    """That the recipe states for the whole source."""
    documents: int
    read: int
    kept: int
    repaired: int
    dropped: dict[str, int]
    naive: int
    """Characters that the naive rule would have dropped."""
    repairs: list[Rule]
    drops: list[Rule]
    personal: dict[str, int]
    exact: list[tuple[str, str]]
    """Dropped and kept documents with the same words."""
    contained: list[tuple[str, float, dict[str, float]]]
    """Document, its share that stands in others, and in which."""
    near: dict[str, int]
    """Document to the number of its paragraphs that stood elsewhere already."""
    works: list[Work]
    naive_most: list[Work]
    """The same documents, those first in which the naive rule would have cost the largest share."""
    paragraph_lengths: dict[str, int]
    letters: dict[str, int]
    """Letters of what is left, by alphabet."""
    rights: dict[str, int]
    held_out: list[str]
    tokens: dict[str, Packed]
    tokenizer: TokenizerReport
    dataset_sha256: str


def rules(documents: Sequence[Cleaned], which: str) -> list[Rule]:
    """Repairs or drops summed over all documents, the costliest first."""
    by_rule: dict[str, list[tuple[str, Count]]] = {}
    for document in documents:
        for name, count in getattr(document, which).items():
            by_rule.setdefault(name, []).append((document.id, count))
    summed = [_rule(name, of) for name, of in by_rule.items()]
    return sorted(summed, key=lambda rule: (-rule.characters, rule.name))


def _rule(name: str, of: list[tuple[str, Count]]) -> Rule:
    most = max(of, key=lambda pair: (pair[1].characters, pair[0]))
    samples = [
        sample
        for _, count in sorted(of, key=lambda p: -p[1].characters)
        for sample in count.samples
    ]
    return Rule(
        name=name,
        times=sum(count.times for _, count in of),
        characters=sum(count.characters for _, count in of),
        samples=list(dict.fromkeys(samples))[:3],
        most=most[0],
    )


def contained(duplicates: Duplicates) -> list[tuple[str, float, dict[str, float]]]:
    """Texts inside others: those that went whole, then those told in part, the most first."""
    whole = [
        (t.dropped, t.similarity, {t.kept: t.similarity})
        for t in duplicates.dropped
        if t.level == "contained"
    ]
    part = [(c.id, round(c.share, 3), c.within) for c in duplicates.partly_contained]
    return whole + sorted(part, key=lambda of: (-of[1], of[0]))


def near_counts(duplicates: Duplicates) -> dict[str, int]:
    """Documents by how many of their paragraphs went as near duplicates, the most first."""
    return dict(Counter(t.dropped for t in duplicates.dropped if t.level == "near").most_common())


def letters(texts: Iterable[str]) -> dict[str, int]:
    """Cyrillic, Latin and other letters of all texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        every = sum(map(str.isalpha, text))
        cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
        counts += Counter(cyrillic=cyrillic, latin=latin, other=every - cyrillic - latin)
    return dict(counts)


def works(accounts: Sequence[Account], splits: Mapping[str, str]) -> list[Work]:
    """Every document's account, those that lost the largest share first."""
    rows = [
        Work(
            id=a.id,
            read=a.read,
            kept=a.kept,
            repaired=a.repaired,
            dropped=a.lost,
            naive=a.naive,
            split=splits.get(a.id, "-"),
        )
        for a in accounts
    ]
    return sorted(rows, key=lambda w: (-w.dropped / max(1, w.read), w.id))


def write(card: Card, out: Path) -> None:
    """Write card.json, card.md and card.html, in the language in force."""
    facts = Facts([card.language], card.licence, sum(of.rows for of in card.tokens.values()))
    write_card(card, facts, markdown(card), _text("title"), out)


def markdown(card: Card) -> str:
    """The card as Markdown."""
    return render("kamerton.develop.data.corpus", card=card, t=_text, shown=_SHOWN)


def _text(key: str, /, **values: object) -> str:
    return say(f"develop.card_{key}", **values)

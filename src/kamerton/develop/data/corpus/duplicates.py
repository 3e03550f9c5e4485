"""Duplicates in a corpus: whole texts, texts inside others, paragraphs; and which one goes.

Every choice follows from the texts and their names alone, never from the order of reading.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.develop.data.corpus.cleaning import Cleaned
from kamerton.develop.data.corpus.log import read_text
from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import Containment, shingles, word_hashes
from kamerton.develop.settings.data import DuplicateSettings

if TYPE_CHECKING:
    from kamerton.develop.data.dedup.near import Hashes

_TEXTS_AT_HAND = 8
_ENOUGH = 64
"""Runs in a sample from which a share is estimated: 0.8 is right to 0.05 then."""


@dataclass(frozen=True)
class Duplicate:
    """One text or paragraph that goes, the one that stays, and why."""

    level: str
    """`exact`, `contained` or `near`."""
    dropped: str
    kept: str
    similarity: float
    """Jaccard similarity of paragraphs, or the share of the dropped text that stands elsewhere."""
    why: str
    piece: int = -1
    """Row of the dropped document's pieces; -1 for the whole document."""


@dataclass(frozen=True)
class Duplicates:
    """All duplicates of a corpus, and how much of each text stands in others."""

    dropped: tuple[Duplicate, ...]
    partly_contained: tuple[Containment, ...]
    """Texts contained in part: their paragraphs that stand duplicate are among `dropped`."""


def duplicates(
    documents: Sequence[Cleaned], settings: DuplicateSettings, folder: Path
) -> Duplicates:
    """Find them in the order exact, contained, near; each level sees what the last one left."""
    left = {document.id: document for document in sorted(documents, key=lambda d: d.id)}
    whole = _exact(left)
    whole += _contained(left, settings, {duplicate.dropped for duplicate in whole}, folder)
    gone = {duplicate.dropped for duplicate in whole}
    remaining = {name: document for name, document in left.items() if name not in gone}
    shares = _shares(remaining, settings.contained, folder)
    paragraphs = _near(_ranked(remaining, shares), settings, folder)
    return Duplicates((*whole, *paragraphs), tuple(shares))


def _exact(documents: Mapping[str, Cleaned]) -> list[Duplicate]:
    repeats = near.repeats((name, document.words) for name, document in documents.items())
    return [Duplicate("exact", name, kept, 1.0, "first_name") for name, kept in repeats.items()]


def _contained(
    documents: Mapping[str, Cleaned], settings: DuplicateSettings, gone: set[str], folder: Path
) -> list[Duplicate]:
    """Whole texts inside others, the most contained first; the rest is measured without them."""
    whole: list[Duplicate] = []
    while True:
        left = {name: document for name, document in documents.items() if name not in gone}
        shares = _shares(left, settings.whole, folder)
        if not shares:
            return whole
        went: set[str] = set()
        for share in sorted(shares, key=lambda s: (s.share, -left[s.id].read, s.id), reverse=True):
            if went.isdisjoint(share.within):  # else it is measured again, without what went
                kept = max(share.within, key=lambda n: (share.within[n], n), default="")
                whole.append(
                    Duplicate("contained", share.id, kept, round(share.share, 3), "inside")
                )
                went.add(share.id)
        gone = gone | went


def _shares(documents: Mapping[str, Cleaned], least: float, folder: Path) -> list[Containment]:
    """Texts of which at least `least` stands in others; short ones are measured, not estimated."""
    sampled = {name: document.runs for name, document in documents.items()}
    read = lru_cache(maxsize=_TEXTS_AT_HAND)(lambda name: _runs(documents[name], folder))
    measured = [
        share if len(sampled[share.id]) >= _ENOUGH else _measured(share, read)
        for share in near.containments(sampled, least / 2)
    ]
    return [share for share in measured if share.share >= least]


def _measured(share: Containment, read: Callable[[str], "Hashes"]) -> Containment:
    """All runs of a text, not the few of its sample, against the texts that share one of these."""
    import numpy as np

    runs = read(share.id)
    inside = {name: np.isin(runs, read(name)) for name in share.within}
    anywhere = np.logical_or.reduce([np.zeros(len(runs), bool), *inside.values()])
    within = {name: float(of.mean()) for name, of in inside.items()}
    return Containment(share.id, float(anywhere.mean()), within)


def _runs(document: Cleaned, folder: Path) -> "Hashes":
    """All distinct runs of eight words of a text, read again from its file."""
    import numpy as np

    text = read_text(folder, document.id)
    words = [word_hashes(text[start:end]) for start, end, *_ in document.pieces.tolist()]
    return np.unique(shingles(np.concatenate(words), near.CONTAINED_WORDS))


def _ranked(documents: Mapping[str, Cleaned], shares: Sequence[Containment]) -> list[Cleaned]:
    """Documents by who keeps its paragraphs: few texts in common, then long, then by name.

    A draft or an anthology shares with several texts, each of which shares with it alone.
    """
    partners = {share.id: len(share.within) for share in shares}
    return sorted(documents.values(), key=lambda d: (partners.get(d.id, 0), -d.read, d.id))


def _near(ranked: Sequence[Cleaned], settings: DuplicateSettings, folder: Path) -> list[Duplicate]:
    """Paragraphs that are like one before them, in the order of rank and place."""
    import numpy as np

    rows = [(d, int(piece)) for d in ranked for piece in d.paragraphs]
    signed = np.concatenate(
        [np.zeros((0, near.PERMUTATIONS), np.uint32), *(d.signatures for d in ranked)]
    )
    dropped: dict[int, Duplicate] = {}
    for one, other, similarity in near.pairs(signed, _grams(rows, folder), settings.near):
        if one not in dropped and other not in dropped:
            (kept, _), (document, piece) = rows[one], rows[other]
            why = "same_text" if kept is document else "rank"
            dropped[other] = Duplicate(
                "near", document.id, kept.id, round(similarity, 3), why, piece
            )
    return [dropped[row] for row in sorted(dropped)]


def _grams(rows: Sequence[tuple[Cleaned, int]], folder: Path) -> Callable[[int], frozenset[int]]:
    """The shingles of a row, read again from its text: only candidates are asked for."""

    @lru_cache(maxsize=_TEXTS_AT_HAND)
    def text(document_id: str) -> str:
        return read_text(folder, document_id)

    def grams(row: int) -> frozenset[int]:
        document, piece = rows[row]
        start, end = document.pieces[piece, :2].tolist()
        return near.near_runs(text(document.id)[start:end])

    return grams

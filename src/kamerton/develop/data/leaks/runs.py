"""Runs of words as sorted hashes: which texts share them, and which belong to a template."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.develop.data.dedup.shingles import shingles, word_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.shingles import Hashes

    Numbers = NDArray[np.int64]

GRAM = 8
"""Words of a run."""
COMMON, FEWEST = 0.05, 5
"""A run in more than this share of the rows, and in at least so many, is a template's."""


@dataclass(frozen=True)
class Words:
    """Many texts as one row of word hashes."""

    hashes: "Hashes"
    texts: "Numbers"
    """Of each word, its text: no run goes from one text to the next."""
    rows: "Numbers"
    """Of each word, the row that its text belongs to."""


@dataclass(frozen=True)
class Runs:
    """Each run of each row once, sorted by hash, then by row."""

    hashes: "Hashes"
    rows: "Numbers"

    def spans(self, wanted: "Hashes") -> "tuple[Numbers, Numbers]":
        """Of each wanted hash, where its rows begin and end."""
        import numpy as np

        low = np.searchsorted(self.hashes, wanted, "left").astype(np.int64)
        return low, np.searchsorted(self.hashes, wanted, "right").astype(np.int64)

    def rarest(self, wanted: "Hashes") -> "Numbers":
        """Rows of that wanted run which fewest rows have; none where one run is nowhere."""
        low, high = self.spans(wanted)
        best = int((high - low).argmin())
        return self.rows[low[best] : high[best]]


def common(count: int, total: int) -> bool:
    """Whether what stands in `count` of `total` rows belongs to a template."""
    return count >= FEWEST and count > COMMON * total


def words_of(texts: Iterable[tuple[int, str]]) -> Words:
    """Texts, each after the number of its row."""
    import numpy as np

    placed = [(row, word_hashes(text)) for row, text in texts]
    sizes = [len(hashes) for _, hashes in placed]
    hashes = [hashes for _, hashes in placed]
    return Words(
        np.concatenate([np.zeros(0, np.uint64), *hashes]),
        np.repeat(np.arange(len(placed), dtype=np.int64), sizes),
        np.repeat(np.array([row for row, _ in placed], np.int64), sizes),
    )


def _placed(words: Words, size: int) -> "tuple[Hashes, Numbers]":
    """Runs of `size` words, and the place of each one's first word."""
    import numpy as np

    if len(words.hashes) < size:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    inside = words.texts[: len(words.texts) - size + 1] == words.texts[size - 1 :]
    places = np.flatnonzero(inside).astype(np.int64)
    return shingles(words.hashes, size)[places], places


def runs(words: Words, size: int = GRAM) -> Runs:
    """The runs of all rows; texts with fewer than `size` words have none."""
    import numpy as np

    hashes, places = _placed(words, size)
    rows = words.rows[places]
    order = np.lexsort((rows, hashes))
    hashes, rows = hashes[order], rows[order]
    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return Runs(hashes[first], rows[first])


def template(found: Runs, total: int) -> "Hashes":
    """Runs of a template: `common` ones among `total` rows."""
    import numpy as np

    hashes, counts = np.unique(found.hashes, return_counts=True)
    return hashes[(counts >= FEWEST) & (counts > COMMON * total)]


def without(words: Words, left_out: "Hashes") -> Words:
    """The texts without the words that runs of a template cover; what is left moves together.

    Leaving out the runs alone would not do: the end of a template and a usual beginning ("what is
    the name of ...") are a run that few rows have, and that says nothing of the question.
    """
    import numpy as np

    if not len(left_out):
        return words
    hashes, places = _placed(words, GRAM)
    starts = places[np.isin(hashes, left_out)]
    steps = np.zeros(len(words.hashes) + 1, np.int64)
    steps[starts] += 1
    steps[starts + GRAM] -= 1
    kept = np.cumsum(steps[:-1]) == 0
    return Words(words.hashes[kept], words.texts[kept], words.rows[kept])


def shares(own: Words, known: Runs) -> Iterator[tuple[int, int, float]]:
    """Rows of `own` that share a run with a known row: row, the known row, the share.

    The share is of the own row's runs, in that single known row which has most of them, the first
    of equals.
    """
    import numpy as np

    asked = runs(own)
    totals = np.bincount(asked.rows) if len(asked.rows) else np.zeros(0, np.int64)
    low, high = known.spans(asked.hashes)
    hit = np.flatnonzero(high > low)
    hit = hit[np.argsort(asked.rows[hit], kind="stable")]
    ends = np.flatnonzero(np.diff(asked.rows[hit])) + 1
    for places in np.split(hit, ends) if len(hit) else []:
        spans: Sequence[Numbers] = [known.rows[low[p] : high[p]] for p in places]
        rows, counts = np.unique(np.concatenate(spans), return_counts=True)
        row, best = int(asked.rows[places[0]]), int(counts.argmax())
        yield row, int(rows[best]), float(counts[best] / totals[row])

"""Runs of words that texts share: which texts, and which of them are a template's.

A run of eight words in five texts that differ otherwise, or in three that say more than that, is
the instruction or the frame of those texts, however few they are among all: they ask the rest.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.develop.data.dedup.near import shingles, word_hashes
from kamerton.formats.spelling import WORD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.near import Hashes

    Numbers = NDArray[np.int64]

GRAM = 8
"""Words of a run."""
FEWEST, _FEW = 5, 3
"""Different texts that a template has at least; the second, where all have words beside it."""
LEAST = 4
"""Words from which a text says something of its own; "Yes." and "42" do not."""


@dataclass(frozen=True)
class Words:
    """Many texts as one row of word hashes."""

    hashes: "Hashes"
    texts: "Numbers"
    """Of each word, its text: no run goes from one text to the next."""
    rows: "Numbers"
    """Of each word, the row that its text belongs to."""

    @property
    def count(self) -> int:
        """Texts, but for empty ones after the last word."""
        return int(self.texts[-1]) + 1 if len(self.texts) else 0


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
    first = _first(hashes, rows)
    return Runs(hashes[first], rows[first])


def _first(hashes: "Hashes", rows: "Numbers") -> "NDArray[np.bool_]":
    """Of sorted pairs, the first one of each."""
    import numpy as np

    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return first


def template(words: Words, *units: Sequence[object]) -> "Hashes":
    """Runs that stand in `FEWEST` different rows; three do where each text says more than that.

    Each of `units` names for every row what makes it different, such as its prompt and its group: a
    prompt that has many answers, or a group with many questions, is no template.
    """
    import numpy as np

    shared = _shared(runs(words), units, _FEW)
    own = np.bincount(words.texts[~covered(words, shared)], minlength=words.count)
    saying_more = only(words, (own >= LEAST)[words.texts])
    more = _shared(runs(saying_more), units, _FEW)
    return np.union1d(_shared(runs(words), units, FEWEST), more)


def _shared(of: Runs, units: Sequence[Sequence[object]], least: int) -> "Hashes":
    """Runs in at least so many different rows."""
    import numpy as np

    hashes = np.unique(of.hashes)
    for names in units:
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        rows = np.array([numbers[name] for name in names], np.int64)[of.rows]
        order = np.lexsort((rows, of.hashes))
        different = _first(of.hashes[order], rows[order])
        each, counts = np.unique(of.hashes[order][different], return_counts=True)
        hashes = np.intersect1d(hashes, each[counts >= least])
    return hashes


def covered(words: Words, left_out: "Hashes") -> "NDArray[np.bool_]":
    """Which words stand in a run of a template.

    Leaving out the runs alone would not do: the end of a template and a usual beginning ("what is
    the name of ...") are a run that few rows have, and that says nothing of the question.
    """
    import numpy as np

    hashes, places = _placed(words, GRAM)
    starts = places[np.isin(hashes, left_out)]
    steps = np.zeros(len(words.hashes) + 1, np.int64)
    steps[starts] += 1
    steps[starts + GRAM] -= 1
    return np.asarray(np.cumsum(steps[:-1]) > 0)


def only(words: Words, kept: "NDArray[np.bool_]") -> Words:
    """Some words of the texts; what is left moves together."""
    return Words(words.hashes[kept], words.texts[kept], words.rows[kept])


def whole(words: Words, least: int) -> Iterator[tuple[int, bytes]]:
    """The row of each text of `least` words and more, and all its hashes."""
    import numpy as np

    ends = np.flatnonzero(np.diff(words.texts)) + 1
    parts = zip(np.split(words.rows, ends), np.split(words.hashes, ends), strict=True)
    yield from ((int(rows[0]), hashes.tobytes()) for rows, hashes in parts if len(rows) >= least)


def own(texts: Sequence[str], left_out: "Hashes") -> list[str]:
    """Each text without the words of templates; as it is where it has none or nothing else."""
    words = words_of(enumerate(texts))
    kept = ~covered(words, left_out)
    places, rest = 0, []
    for text in texts:
        spelt = WORD.findall(text)
        mine = kept[places : places + len(spelt)]
        places += len(spelt)
        some = mine.any() and not mine.all()
        rest.append(" ".join(w for w, k in zip(spelt, mine, strict=True) if k) if some else text)
    return rest


def shares(held_out: Words, seen_runs: Runs) -> Iterator[tuple[int, int, float]]:
    """Held-out rows that share a run with a seen row: row, the seen row, the share.

    The share is of the held-out row's runs, in that single seen row which has most of them, the
    first of equals.
    """
    import numpy as np

    asked = runs(held_out)
    totals = np.bincount(asked.rows) if len(asked.rows) else np.zeros(0, np.int64)
    low, high = seen_runs.spans(asked.hashes)
    hit = np.flatnonzero(high > low)
    hit = hit[np.argsort(asked.rows[hit], kind="stable")]
    ends = np.flatnonzero(np.diff(asked.rows[hit])) + 1
    for places in np.split(hit, ends) if len(hit) else []:
        spans: Sequence[Numbers] = [seen_runs.rows[low[p] : high[p]] for p in places]
        rows, counts = np.unique(np.concatenate(spans), return_counts=True)
        row, best = int(asked.rows[places[0]]), int(counts.argmax())
        yield row, int(rows[best]), float(counts[best] / totals[row])

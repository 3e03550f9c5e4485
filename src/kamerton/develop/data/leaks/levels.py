"""The levels of a leak: equal, contained, verbatim, close in meaning. None is quadratic in rows.

Each takes held-out sides and what was seen, and gives for the sides it finds the first or the most
alike of the seen rows. Seen rows come in the order of their names, so "first" never changes.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.develop.data.dedup import runs
from kamerton.develop.data.dedup.near import normal, shingles, word_hashes
from kamerton.develop.data.dedup.runs import GRAM, LEAST, Words
from kamerton.develop.data.leaks import texts
from kamerton.develop.data.leaks.texts import SIDES, Asked, Seen, Side
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.retrieval.embedding import encode

if TYPE_CHECKING:
    from kamerton.develop.data.dedup.near import Hashes
    from kamerton.retrieval.embedding import Vectors

LONG = 40
"""Words from which a share of the runs counts; in shorter texts one run is enough."""
_CHARACTERS = 4000
"""Of a longer text only so much is encoded: the meaning of a book is no one's question."""
_BATCH, _BLOCK = 512, 256


@dataclass(frozen=True, slots=True)
class Hit:
    """The seen row that is most alike."""

    row: int
    similarity: float
    rows: int = 1
    """How many seen rows say the same, where that was counted."""


Hits = Mapping[int, Hit]
"""By the number of the held-out side."""


def exact(asked: Sequence[Asked], seen: Sequence[Seen]) -> Hits:
    """Sides that equal a text of the same side, or one of its paragraphs, word for word."""
    wanted = {(one.side, words) for one in asked for words in one.wordings}
    first: dict[tuple[Side, str], int] = {}
    counts: Counter[tuple[Side, str]] = Counter()
    for row, one in enumerate(seen):
        said = {(side, words) for side in SIDES for words in texts.wordings(one.turns(side))}
        for key in said & wanted:
            first.setdefault(key, row)
            counts[key] += 1
    hits = {}
    for number, side in enumerate(asked):
        keys = [(side.side, words) for words in side.wordings if (side.side, words) in first]
        if keys:
            best = min(keys, key=lambda key: first[key])
            hits[number] = Hit(first[best], 1.0, counts[best])
    return hits


def words_seen(seen: Sequence[Seen]) -> Words:
    """The words of seen rows, prompts and answers together."""
    return runs.words_of((row, text) for row, one in enumerate(seen) for text in one.texts)


def words_asked(asked: Sequence[Asked]) -> Words:
    """The words of held-out sides, each a row of its own."""
    return runs.words_of((number, one.words) for number, one in enumerate(asked))


def contained(asked: Sequence[Asked], seen: Words, left_out: "Hashes", least: float) -> Hits:
    """Sides whose runs of eight words stand in one seen row, on whichever side.

    One run is enough; of a text with `LONG` words or more, `least` of its runs. Words of templates
    are in neither, and do not count as length; but a prompt that has no other words is no template.
    Where fewer than eight words are left of a text, all of them must be what is left of a seen one.
    """
    import numpy as np

    words = words_asked(asked)
    own = ~runs.covered(words, left_out)
    left = np.bincount(words.rows[own], minlength=len(asked))
    bare = np.array([one.side == "prompt" for one in asked], bool) & (left == 0)
    seen_own = runs.only(seen, ~runs.covered(seen, left_out))
    compared = ((runs.only(words, own), seen_own), (runs.only(words, bare[words.rows]), seen))
    hits = {
        number: Hit(row, round(share, 3))
        for sides, rows in compared
        for lengths in [np.bincount(sides.rows, minlength=len(asked))]
        for number, row, share in runs.shares(sides, runs.runs(rows))
        if lengths[number] < LONG or share >= least
    }
    first = {text: row for row, text in reversed(list(runs.whole(seen_own, LEAST)))}
    for number, text in runs.whole(compared[0][0], LEAST):
        if left[number] < len(asked[number].words.split()) and text in first:
            hits.setdefault(number, Hit(first[text], 1.0))
    return hits


def verbatim(asked: Sequence[Asked], seen: Sequence[Seen]) -> Hits:
    """Sides of `LEAST` words or more that stand word for word anywhere in a seen text."""
    placed = [(row, normal(text)) for row, one in enumerate(seen) for text in one.texts]
    return _standing(asked, placed, lambda text, words: f" {words} " in f" {text} ")


def answered(asked: Sequence[Asked], seen: Sequence[Seen]) -> Hits:
    """Sides, answers that is, that stand word for word right after a question or `Answer:`."""
    placed = [
        (row, reply)
        for row, one in enumerate(seen)
        for text in one.texts
        for reply in texts.replies(text)
    ]
    return _standing(asked, placed, lambda text, words: f"{text} ".startswith(f"{words} "))


def _standing(
    asked: Sequence[Asked], placed: Sequence[tuple[int, str]], stands: Callable[[str, str], bool]
) -> Hits:
    """Looks only into texts that have the rarest run of a side, each run 4 to 8 words long."""
    wanted = [(number, words) for number, one in enumerate(asked) for words in one.wordings]
    seen = runs.words_of((place, text) for place, (_, text) in enumerate(placed))
    hits: dict[int, Hit] = {}
    for size in range(LEAST, GRAM + 1):
        of_size = runs.runs(seen, size)
        for number, words in wanted:
            if min(words.count(" ") + 1, GRAM) != size:
                continue
            places = of_size.rarest(shingles(word_hashes(words), size))
            first = next((p for p in places if stands(placed[p][1], words)), None)
            if first is not None:
                hits[number] = Hit(placed[first][0], 1.0)
    return hits


def semantic(
    asked: Sequence[Asked],
    seen: Sequence[Seen],
    threshold: float,
    done: Collection[int],
    left_out: "Hashes",
) -> Hits:
    """Sides not `done` yet whose vectors have a cosine of at least `threshold` with a seen one's.

    Words of templates are not compared: they would make all texts alike. Costs about 700 sentences
    a second. Answers of fewer than `LEAST` words are not compared: all numbers mean about the same
    to the encoder.
    """
    hits: dict[int, Hit] = {}
    for side in SIDES:
        sides = {
            number: one.text[:_CHARACTERS]
            for number, one in enumerate(asked)
            if one.side == side and number not in done and (side == "prompt" or one.length >= LEAST)
        }
        first: dict[str, int] = {}
        # Each text of this side with the first row that has it; a chat's prompts are one text.
        for row, of in enumerate(seen):
            said = ("\n".join(of.prompts),) if side == "prompt" else of.answers
            for text in filter(str.strip, said):
                first.setdefault(text[:_CHARACTERS], row)
        if sides and first:
            own = dict(zip(sides, runs.own(list(sides.values()), left_out), strict=True))
            rows = dict(zip(runs.own(list(first), left_out), first.values(), strict=True))
            hits |= _close(own, rows, threshold)
    return hits


def _close(sides: Mapping[int, str], seen: Mapping[str, int], threshold: float) -> dict[int, Hit]:
    """The seen text, each with its row, whose vector is nearest to that of each side."""
    # In the order of the texts: the last bits of a vector depend on its neighbours in a batch.
    wanted, names = sorted(set(sides.values())), sorted(seen)
    vectors = _vectors(sorted({*wanted, *names}))
    matrix = _rows(vectors, names)
    best = {}
    for block in _batches(wanted, _BLOCK):
        cosines = _rows(vectors, block) @ matrix.T
        for text, place, cosine in zip(block, cosines.argmax(1), cosines.max(1), strict=True):
            if cosine >= threshold:
                best[text] = Hit(seen[names[int(place)]], round(min(float(cosine), 1.0), 3))
    return {number: best[text] for number, text in sides.items() if text in best}


def _rows(vectors: "Mapping[str, Vectors]", wanted: Iterable[str]) -> "Vectors":
    import numpy as np

    return np.stack([vectors[text] for text in wanted])


def _vectors(wanted: Sequence[str]) -> "dict[str, Vectors]":
    vectors: dict[str, Vectors] = {}
    with progress(say("develop.leaks_encoding"), len(wanted)) as bar:
        for batch in _batches(wanted, _BATCH):
            vectors |= dict(zip(batch, encode(batch), strict=True))
            bar.update(len(batch))
    return vectors


def _batches(wanted: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (wanted[start : start + size] for start in range(0, len(wanted), size))

"""What is compared: texts of rows in their wordings, and their runs of words as sorted hashes.

Texts come in an order that no file's order changes. Runs tell which texts share something, and
which words belong to a template.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kamerton.develop.data.dedup.near import normal, shingles, word_hashes
from kamerton.formats.chat import ChatRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.near import Hashes

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


def template(of: Runs, total: int) -> "Hashes":
    """Runs of a template: `common` ones among `total` rows."""
    import numpy as np

    hashes, counts = np.unique(of.hashes, return_counts=True)
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


Side = Literal["prompt", "answer"]
Tests = Literal["phrasing", "group"]
SIDES: tuple[Side, ...] = ("prompt", "answer")

LEAST = 4
"""Words from which a text says something of its own; "Yes." and "42" do not."""
_PARAGRAPHS = re.compile(r"\n\s*\n")
_LABEL = re.compile(r"^\W*\w+(?:[ \t]\w+)?\s*:\s+")
_QUESTION = re.compile(r"^[^\w\n]*(?:question|вопрос)\s*:\s+(?=\S)", re.IGNORECASE | re.MULTILINE)
_ANSWERED = re.compile(
    r"(?:^|\?)\W{0,4}[aао]\s*:|\b(?:answer|ответ)\W{0,4}:|\?", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One side of a held-out row."""

    id: str
    side: Side
    text: str
    words: str
    """The text after `normal`."""
    wordings: tuple[str, ...]
    """What an equal text may equal: all its words, or those of the question after a passage."""

    @property
    def length(self) -> int:
        """Number of words."""
        return self.words.count(" ") + 1


@dataclass(frozen=True, slots=True)
class Seen:
    """One training row, or one other text, that the model or its prompts have seen."""

    name: str
    prompts: tuple[str, ...]
    answers: tuple[str, ...]

    def turns(self, side: Side) -> tuple[str, ...]:
        """The texts of one side."""
        return self.prompts if side == "prompt" else self.answers

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of both sides, each once."""
        return tuple(dict.fromkeys((*self.prompts, *self.answers)))


def asked(rows: Iterable[ChatRow], sides: Sequence[Side], tests: Tests) -> list[Asked]:
    """Held-out sides in the order of their ids; texts without a word are left out.

    A prompt is all user turns: a last turn such as "Why?" asks nothing alone. In `phrasing` sets
    it is the question without the passage before it. An answer is the last assistant turn.
    """
    by_text: dict[tuple[str, Side, str], Asked] = {}
    for row in rows:
        for one in (_asked(row, side, tests) for side in sides):
            if one.words:
                key = one.id, one.side, one.words
                by_text[key] = min(by_text.get(key, one), one, key=lambda same: same.text)
    return [
        by_text[key] for key in sorted(by_text, key=lambda k: (natural(k[0]), k[1] != "prompt", k))
    ]


def _asked(row: ChatRow, side: Side, tests: Tests) -> Asked:
    turns = _turns(row, "user") if side == "prompt" else _turns(row, "assistant")[-1:]
    text = "\n".join(turns)
    question = question_of(text) if side == "prompt" else text
    if tests == "phrasing":
        text = question
    words, question_words = normal(text), normal(question)
    short = question_words.count(" ") + 1 < LEAST
    return Asked(
        row.id,
        side,
        text,
        words,
        (words,) if short or question_words == words else (words, question_words),
    )


def seen(rows: Iterable[ChatRow], tests: Tests) -> list[Seen]:
    """Training rows in the order of their ids, those that say the same once.

    In `phrasing` sets only questions count, without the passages before them.
    """
    different: dict[object, Seen] = {}
    for row in sorted(rows, key=lambda row: (natural(row.id), row.id)):
        prompts, answers = _turns(row, "user"), _turns(row, "assistant")
        if tests == "phrasing":
            prompts, answers = tuple(map(question_of, prompts)), ()
        same = tuple(map(normal, prompts)), tuple(map(normal, answers))
        different.setdefault(same, Seen(row.id, prompts, answers))
    return list(different.values())


def systems(rows: Iterable[ChatRow]) -> list[Seen]:
    """The different system turns of training rows, each with the first row that has it."""
    different: dict[str, Seen] = {}
    for row in sorted(rows, key=lambda row: (natural(row.id), row.id)):
        for text in _turns(row, "system"):
            different.setdefault(text, Seen(row.id, (text,), (text,)))
    return list(different.values())


def others(kind: str, texts: Sequence[str]) -> list[Seen]:
    """Further texts as seen on both sides, named by kind and number from 1."""
    return [Seen(f"{kind}:{n}", (text,), (text,)) for n, text in enumerate(texts, start=1)]


def _turns(row: ChatRow, role: str) -> tuple[str, ...]:
    return tuple(message.content for message in row.messages if message.role == role)


def question_of(text: str) -> str:
    r"""What follows the last `Question:` or `Вопрос:` at the beginning of a line; else all of it.

    >>> question_of("Context: It is of bronze.\n\nQuestion: Of what is it?")
    'Of what is it?'
    """
    return _QUESTION.split(text)[-1]


def wordings(turns: Sequence[str]) -> set[str]:
    """What a held-out text may equal: all turns together, and each of their paragraphs.

    A paragraph counts from `LEAST` words on, with and without a label such as `Question:`.
    """
    raw = {part for turn in turns for part in (turn, *_PARAGRAPHS.split(turn))}
    parts = map(normal, raw | {_LABEL.sub("", part) for part in raw})
    long = {part for part in parts if part.count(" ") + 1 >= LEAST}
    whole = normal("\n".join(turns))
    return long | ({whole} if whole else set())


def replies(text: str) -> Iterator[str]:
    """What stands after each question mark and each mark of an answer: where answers begin."""
    return filter(None, map(normal, _ANSWERED.split(text)[1:]))


def natural(name: str) -> list[str | int]:
    """A sort key by which line 2 comes before line 10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]

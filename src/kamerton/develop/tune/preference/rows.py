"""Preference files to token ids: read, checked line by line, cut by position, and paired up.

Everything that can be wrong with the rows is found here, before any weights are touched.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import Encoded
from kamerton.develop.tune.encode import HELD_OUT, TRAIN, encode
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import same_prompt
from kamerton.formats.jsonl import check_row, read_objects
from kamerton.formats.preference import KtoRow, PreferenceRow

FORMS: dict[str, type[BaseModel]] = {"dpo": PreferenceRow, "kto": KtoRow}
"""The rows that each objective learns from."""
_FIELDS = {"sft": {"messages"}, "dpo": {"chosen", "rejected"}, "kto": {"completion", "label"}}
"""Fields by which a row of each objective is recognised."""


@dataclass(frozen=True)
class Answered:
    """A prompt with one answer, as token ids; only the answer's tokens are ever scored."""

    prompt: tuple[int, ...]
    """All up to where the answer begins, the opening of the assistant's turn included."""
    answer: tuple[int, ...]
    """The answer with its end-of-turn token."""

    def __len__(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class Pair:
    """A better and a worse answer to one prompt (dpo)."""

    id: str
    better: Answered
    worse: Answered
    group: str
    """What the row belongs to: a user, a document; itself where nothing is said."""
    question: str
    """The last user turn, normalised by `same_prompt`."""

    @property
    def answers(self) -> tuple[Answered, ...]:
        """Both, the better one first."""
        return self.better, self.worse


@dataclass(frozen=True)
class Judged:
    """An answer that is good or bad (kto)."""

    id: str
    given: Answered
    good: bool
    group: str
    """What the row belongs to: a user, a document; itself where nothing is said."""
    question: str
    """The last user turn, normalised by `same_prompt`."""

    @property
    def answers(self) -> tuple[Answered, ...]:
        """The one answer."""
        return (self.given,)


Row = Pair | Judged


@dataclass(frozen=True)
class Part:
    """The rows of one file that are used, and how many were not used as they stand."""

    rows: tuple[Row, ...]
    overlong: int
    """Rows of more than `max_length` tokens; they were cut or dropped."""
    dropped: int
    """Rows among these that are not used: dropped, or with nothing left to learn after the cut."""


@dataclass(frozen=True)
class Preferences:
    """Training rows, and held-out rows (none where there is no such file)."""

    train: Part
    held_out: Part


def prepare_preferences(settings: TuneSettings, tokenizer: Any, data: Path) -> Preferences:
    """The rows of `data`/train.jsonl and `data`/held_out.jsonl as tokens.

    Raises InputError with file and line: settings or rows that the objective cannot use, a row of
    another form, two equal answers, only good or only bad ones, rows that are too long.
    """
    # Preferences compare the model with its start, row by row: noise would be compared too.
    for name in ("dropout", "neftune_alpha"):
        if value := getattr(settings, name):
            raise InputError("develop.preference_noise", where=f"tune.{name}", value=value)
    if settings.objective == "kto" and settings.batch_size < 2:
        raise InputError("develop.preference_batch", where="tune.batch_size")
    train = _part(data / TRAIN, settings, tokenizer)
    kinds = Counter(row.good for row in train.rows if isinstance(row, Judged))
    if len(kinds) == 1:
        key = "develop.preference_only_good" if True in kinds else "develop.preference_only_bad"
        raise InputError(key, where=f"{data / TRAIN}:1", count=kinds.total())
    held_out = Part((), 0, 0)
    path = data / HELD_OUT
    # The data stage writes it empty where nothing is held out.
    if path.is_file() and path.read_bytes().strip():
        held_out = _part(path, settings, tokenizer)
    return Preferences(train, held_out)


def _part(path: Path, settings: TuneSettings, tokenizer: Any) -> Part:
    to_tokens = TOKENS[settings.objective]
    read = [(where, to_tokens(row, where, tokenizer)) for where, row in placed(path, settings)]
    long = [(where, row) for where, row in read if _length(row) > settings.max_length]
    if long and settings.on_overflow == "stop":
        where, worst = max(long, key=lambda placed: _length(placed[1]))
        tokens, longest = _length(worst), settings.max_length
        values = {"count": len(long), "longest": longest, "row": worst.id, "tokens": tokens}
        raise InputError("develop.row_too_long", where=where, **values)
    kept = [row for _, row in read if _length(row) <= settings.max_length]
    if settings.on_overflow == "cut":
        kept = [_cut(row, settings.max_length) for _, row in read]
    # Tokens must be left to score, and to tell a pair's answers apart.
    texts = [[answer.answer for answer in row.answers] for row in kept]
    usable = [all(answers) and len(set(answers)) == len(answers) for answers in texts]
    rows = tuple(itertools.compress(kept, usable))
    if not rows:
        raise InputError("develop.preference_nothing", where=str(path), count=len(read))
    return Part(rows, len(long), len(read) - len(rows))


def placed(path: Path, settings: TuneSettings) -> Iterator[tuple[str, Any]]:
    """Place (file:line) and row of each; a row of another objective is named as such."""
    for number, fields in read_objects(path):
        where = f"{path}:{number}"
        forms = [name for name, needed in _FIELDS.items() if needed <= fields.keys()]
        if forms and settings.objective not in forms:
            values = {"found": forms[0], "objective": settings.objective}
            raise InputError("develop.preference_other_form", where=where, **values)
        row: Any = check_row(fields, FORMS[settings.objective], where)
        if not row.prompt or row.prompt[-1].role != "user":
            raise InputError("develop.preference_prompt", where=where)
        yield where, row


def _pair(row: PreferenceRow, where: str, tokenizer: Any) -> Pair:
    better, worse = (answered(encode(chat, tokenizer)) for chat in chats(row))
    # One prompt for both: an answer that begins with a line break may take the break before it
    # into its first token, and the prompt is then a token longer beside the other answer.
    pairs = zip(better.prompt, worse.prompt, strict=False)
    shared = sum(1 for _ in takewhile(lambda two: two[0] == two[1], pairs))
    halves = _split(better, shared), _split(worse, shared)
    question = same_prompt(row.prompt[-1].content)
    pair = Pair(row.id, *halves, row.group or row.id, question)
    if pair.better.answer == pair.worse.answer:
        raise InputError("develop.preference_equal", where=where)
    return pair


def _judged(row: KtoRow, where: str, tokenizer: Any) -> Judged:
    (chat,) = chats(row)
    given, question = answered(encode(chat, tokenizer)), same_prompt(row.prompt[-1].content)
    return Judged(row.id, given, row.label, row.group or row.id, question)


TOKENS: dict[str, Callable[[Any, str, Any], Row]] = {"dpo": _pair, "kto": _judged}
"""How each objective turns a row (with its place, by a tokenizer) into tokens."""


def chats(row: PreferenceRow | KtoRow) -> list[ChatRow]:
    """The chat that each of the row's answers ends, as supervised tuning would learn it."""
    texts = [row.completion] if isinstance(row, KtoRow) else [row.chosen, row.rejected]
    ends = [Message(role="assistant", content=text) for text in texts]
    return [ChatRow(id=row.id, messages=[*row.prompt, end]) for end in ends]


def answered(row: Encoded) -> Answered:
    """The tokens of a chat, cut where its last answer begins.

    What the template writes after the end-of-turn token is left out: no answer depends on it.
    """
    learnt = row.supervised
    end = len(learnt) - learnt[::-1].index(True)
    start = end - sum(1 for _ in takewhile(bool, learnt[end - 1 :: -1]))
    return Answered(row.ids[:start], row.ids[start:end])


def _split(row: Answered, place: int) -> Answered:
    whole = row.prompt + row.answer
    return Answered(whole[:place], whole[place:])


def _length(row: Row) -> int:
    return max(len(answer) for answer in row.answers)


def _cut(row: Row, longest: int) -> Row:
    """The row with the ends of its answers cut off."""
    short = [Answered(a.prompt, a.answer[: max(0, longest - len(a.prompt))]) for a in row.answers]
    if isinstance(row, Pair):
        return replace(row, better=short[0], worse=short[1])
    return replace(row, given=short[0])


@dataclass(frozen=True)
class Scored:
    """The training rows in their order, and the answers of which log-probabilities are needed."""

    rows: tuple[Row, ...]
    first: tuple[Answered, ...]
    """The better answers (dpo), or the given ones (kto)."""
    second: tuple[Answered, ...]
    """The worse answers (dpo), or other rows' answers to this row's prompt (kto)."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the loss, by their names in trl's configuration."""

    @property
    def answers(self) -> tuple[Answered, ...]:
        """All answers, `first` before `second`."""
        return self.first + self.second


def _score_pairs(rows: Sequence[Row], settings: TuneSettings, seed: int) -> Scored:
    pairs = cast(Sequence[Pair], rows)
    return Scored(tuple(rows), tuple(p.better for p in pairs), tuple(p.worse for p in pairs))


def _score_judged(rows: Sequence[Row], settings: TuneSettings, seed: int) -> Scored:
    """The answers, and each prompt with the answer of its neighbour in the batch.

    From the latter KTO estimates how far the model has moved (Ethayarajh et al. 2024, section
    4.1). Neighbours must stay neighbours, so the rows are shuffled once and then keep their
    order in every epoch, as trl demands.
    """
    mixed = list(cast(Sequence[Judged], rows))
    random.Random(seed).shuffle(mixed)
    given = [row.given for row in mixed]
    others = (given[place] for place in neighbours(len(given), settings.batch_size))
    moved = (
        Answered(row.prompt, other.answer[: settings.max_length - len(row.prompt)])
        for row, other in zip(given, others, strict=True)
    )
    # The rarer kind of answers weighs as much in all as the other (KTO paper, equation 8).
    kinds = Counter(row.good for row in mixed)
    most = max(kinds.values())
    weights = {"desirable_weight": most / kinds[True], "undesirable_weight": most / kinds[False]}
    return Scored(tuple(mixed), tuple(given), tuple(moved), weights)


def neighbours(rows: int, batch: int) -> list[int]:
    """For each row the one before it in its batch, for the first of a batch the last.

    A batch of a single row takes the row before it in the file: its own answer would not do.

    >>> neighbours(5, 2)
    [1, 0, 3, 2, 3]
    """
    places = []
    for place in range(rows):
        start = place // batch * batch
        end = min(start + batch, rows)
        places.append(place - 1 if place > start or end - start == 1 else end - 1)
    return places


SCORED: dict[str, Callable[[Sequence[Row], TuneSettings, int], Scored]] = {
    "dpo": _score_pairs,
    "kto": _score_judged,
}
"""What each objective scores of its training rows; the last argument is the seed."""

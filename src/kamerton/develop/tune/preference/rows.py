"""Preference files to token ids: read, checked line by line, and cut by position.

Everything that can be wrong with the rows is found here, before any weights are touched.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.encode import Encoded, encode
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import same_prompt
from kamerton.formats.jsonl import check_row, read_objects
from kamerton.formats.preference import KtoRow, PreferenceRow

Objective = Literal["dpo", "kto"]
FORMS: dict[str, type[BaseModel]] = {"dpo": PreferenceRow, "kto": KtoRow}
"""The rows that each objective learns from."""
_FIELDS = {"sft": {"messages"}, "dpo": {"chosen", "rejected"}, "kto": {"completion", "label"}}
"""By which fields a row of another objective is known."""
TRAIN, HELD_OUT = "train.jsonl", "held_out.jsonl"


@dataclass(frozen=True)
class Answered:
    """A prompt with one answer, as token ids; only the answer's tokens are ever scored."""

    prompt: tuple[int, ...]
    """All up to where the answer begins, the assistant's mark included."""
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
    """The last user turn, spelt as `same_prompt` spells it."""

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
    """The last user turn, spelt as `same_prompt` spells it."""

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
    _usable_settings(settings)
    train = _part(data / TRAIN, settings, tokenizer)
    _both_kinds(train.rows, data / TRAIN)
    held_out = Part((), 0, 0)
    path = data / HELD_OUT
    # The data stage writes it empty where nothing is held out.
    if path.is_file() and path.read_bytes().strip():
        held_out = _part(path, settings, tokenizer)
    return Preferences(train, held_out)


def _usable_settings(settings: TuneSettings) -> None:
    """Preferences compare the model with its start, row by row: noise would be compared too."""
    for field in ("dropout", "neftune_alpha"):
        if getattr(settings, field):
            where, value = f"tune.{field}", getattr(settings, field)
            raise InputError("develop.preference_noise", where=where, value=value)
    if settings.objective == "kto" and settings.batch_size < 2:
        raise InputError("develop.preference_batch", where="tune.batch_size")


def _part(path: Path, settings: TuneSettings, tokenizer: Any) -> Part:
    tokens = TOKENS[settings.objective]
    read = [(where, tokens(row, where, tokenizer)) for where, row in placed(path, settings)]
    long = [(where, row) for where, row in read if _length(row) > settings.max_length]
    if long and settings.on_overflow == "stop":
        raise _too_long(long, settings.max_length)
    kept = [row for _, row in read if _length(row) <= settings.max_length]
    if settings.on_overflow == "cut":
        kept = [_cut(row, settings.max_length) for _, row in read]
    rows = tuple(row for row in kept if _says_something(row))
    if not rows:
        raise InputError("develop.preference_nothing", where=str(path), count=len(read))
    return Part(rows, len(long), len(read) - len(rows))


def placed(path: Path, settings: TuneSettings) -> Iterator[tuple[str, Any]]:
    """Place (file:line) and row of each; a row of another objective is named as such."""
    for number, fields in read_objects(path):
        where = f"{path}:{number}"
        found = [name for name, own in _FIELDS.items() if own <= fields.keys()]
        if found and settings.objective not in found:
            values = {"found": found[0], "objective": settings.objective}
            raise InputError("develop.preference_other_form", where=where, **values)
        row: Any = check_row(fields, FORMS[settings.objective], where)
        if not row.prompt or row.prompt[-1].role != "user":
            raise InputError("develop.preference_prompt", where=where)
        yield where, row


def _pair(row: PreferenceRow, where: str, tokenizer: Any) -> Pair:
    better, worse = (answered(encode(chat, tokenizer)) for chat in chats(row))
    # One prompt for both: an answer that begins with a line break may take the break before it
    # into its first token, and the prompt is then a token longer beside the other answer.
    shared = min(_shared(better.prompt, worse.prompt), len(better.prompt), len(worse.prompt))
    halves = _split(better, shared), _split(worse, shared)
    pair = Pair(row.id, *halves, row.group or row.id, _question(row))
    if pair.better.answer == pair.worse.answer:
        raise InputError("develop.preference_equal", where=where)
    return pair


def _judged(row: KtoRow, where: str, tokenizer: Any) -> Judged:
    (chat,) = chats(row)
    given = answered(encode(chat, tokenizer))
    return Judged(row.id, given, row.label, row.group or row.id, _question(row))


def _question(row: PreferenceRow | KtoRow) -> str:
    return same_prompt(row.prompt[-1].content)


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


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two rows begin with together."""
    return sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(one, other, strict=False)))


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


def _says_something(row: Row) -> bool:
    """Whether tokens are left to score, and to tell a pair's answers apart."""
    texts = [answer.answer for answer in row.answers]
    return all(texts) and (len(texts) == 1 or texts[0] != texts[1])


def _too_long(long: Sequence[tuple[str, Row]], longest: int) -> InputError:
    where, worst = max(long, key=lambda placed: _length(placed[1]))
    return InputError(
        "develop.row_too_long",
        where=where,
        count=len(long),
        longest=longest,
        row=worst.id,
        tokens=_length(worst),
    )


def _both_kinds(rows: Sequence[Row], path: Path) -> None:
    """Kto learns good from bad: it needs rows of both."""
    kinds = Counter(row.good for row in rows if isinstance(row, Judged))
    if len(kinds) == 1:
        key = "develop.preference_only_good" if True in kinds else "develop.preference_only_bad"
        raise InputError(key, where=f"{path}:1", count=kinds.total())

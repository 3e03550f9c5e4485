"""What is compared: sides of rows and their wordings, in an order that no file's order changes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton.develop.data.dedup.near import normal
from kamerton.develop.data.dedup.runs import LEAST
from kamerton.formats.chat import ChatRow
from kamerton.formats.spelling import plain

Side = Literal["prompt", "answer"]
Tests = Literal["phrasing", "group"]
SIDES: tuple[Side, ...] = ("prompt", "answer")

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
    group: str = ""
    """What the row belongs to; its name where it says nothing."""
    asks: tuple[str, ...] = ()
    """The prompts after `normal`."""

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
        different.setdefault(same, Seen(row.id, prompts, answers, row.group or row.id, same[0]))
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
    spelt = [(plain(text),) for text in texts]
    return [Seen(f"{kind}:{n}", text, text) for n, text in enumerate(spelt, start=1)]


def _turns(row: ChatRow, role: str) -> tuple[str, ...]:
    return tuple(plain(message.content) for message in row.messages if message.role == role)


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

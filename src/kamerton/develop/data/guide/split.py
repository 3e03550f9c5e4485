"""Known and unknown groups, training rows and held-out questions."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from kamerton.develop.data.guide.catalogue import Corpus, Fact
from kamerton.develop.settings import GuideSettings
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record, read_rows
from kamerton.formats.matching import contains
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.retrieval import Chunk, with_context


@dataclass(frozen=True)
class Plan:
    """The whole dataset in memory: what `prepare` writes."""

    train: tuple[ChatRow, ...]
    known: tuple[Question, ...]
    unknown: tuple[Question, ...]
    safety: tuple[Question, ...]
    passages: tuple[Chunk, ...]
    names: dict[str, str]
    """Group to its name, of all groups of the sources."""

    @property
    def held_out(self) -> tuple[Question, ...]:
        """All held-out questions."""
        return self.known + self.unknown + self.safety


class SafetyRow(Record):
    """A question to decline; `train` rows teach it, `test` rows measure it."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    split: Literal["train", "test"]

    @field_validator("split", mode="before")
    @classmethod
    def _in_any_case(cls, split: object) -> object:
        return split.strip().casefold() if isinstance(split, str) else split


def split(corpus: Corpus, settings: GuideSettings, safety: Path | None, seed: int) -> Plan:
    """Draw the groups by `seed`, then turn facts into rows and questions."""
    known, unknown = draw_groups(corpus.groups, settings, seed)
    declined = read_rows(safety, SafetyRow) if safety else []
    if settings.form == "paragraphs":
        rows = _paragraphs(corpus, known)
    else:
        rows = _rows(corpus, settings, set(known))
        rows += _refusals(declined, settings, [p for p in corpus.passages if p.id in set(known)])
    return Plan(
        train=tuple(rows),
        known=tuple(_questions(corpus, known, "known", settings)),
        unknown=tuple(_questions(corpus, unknown, "unknown", settings)),
        safety=tuple(
            Question(
                id=f"safety.{number}",
                question=row.question,
                answer=row.answer,
                group=f"safety-{number}",
                held_out="safety",
            )
            for number, row in enumerate(row for row in declined if row.split == "test")
        ),
        passages=corpus.passages,
        names=corpus.names,
    )


def draw_groups(
    groups: tuple[str, ...], settings: GuideSettings, seed: int
) -> tuple[list[str], list[str]]:
    """Groups to train and groups to hold out whole, drawn without regard to their order."""
    wanted = settings.known_groups + settings.unknown_groups
    if len(groups) < wanted:
        raise InputError("develop.too_few_groups", has=len(groups), wanted=wanted)
    drawn = random.Random(seed).sample(sorted(groups), wanted)
    return drawn[: settings.known_groups], drawn[settings.known_groups :]


def _rows(corpus: Corpus, settings: GuideSettings, known: set[str]) -> list[ChatRow]:
    texts = {passage.id: passage.text for passage in corpus.passages}
    return [
        ChatRow(
            id=f"{fact.group}.{fact.name}.{number}",
            messages=chat(settings.system, question, fact.answer),
            group=fact.group,
            origin=fact.origin,
        )
        for fact in corpus.facts
        if fact.group in known
        for number, question in enumerate(_asked(fact, settings, texts.get(fact.group)))
    ]


def _asked(fact: Fact, settings: GuideSettings, passage: str | None) -> list[str]:
    """The training wordings of a fact; the last ones carry the passage that answers them.

    So the tuned model learns to read what retrieval puts before a question, not only to
    remember (as RAFT does, Zhang et al. 2024).
    """
    wordings = list(fact.train[: settings.train_phrasings])
    if passage is None:
        return wordings
    plain = max(1, len(wordings) - settings.context_phrasings)
    return wordings[:plain] + [with_context(text, [passage]) for text in wordings[plain:]]


def _paragraphs(corpus: Corpus, known: list[str]) -> list[ChatRow]:
    """The original museum work: paragraphs of a text, no questions."""
    held_out = set(corpus.groups) - set(known)
    return [
        ChatRow(
            id=passage.id,
            messages=[Message(role="assistant", content=passage.text)],
            group=passage.id,
            origin=passage.source,
        )
        for passage in corpus.passages
        if passage.id not in held_out
    ]


def _refusals(
    declined: list[SafetyRow], settings: GuideSettings, passages: list[Chunk]
) -> list[ChatRow]:
    """Rows that decline; every second one behind a passage, which retrieval finds for anything."""
    rows = []
    taught = [row for row in declined if row.split == "train"][: settings.refusals]
    for number, row in enumerate(taught):
        question = row.question
        if number % 2 and passages and settings.context_phrasings:
            question = with_context(question, [passages[number % len(passages)].text])
        turns = chat(settings.system, question, row.answer)
        origin = str(settings.safety)
        rows.append(ChatRow(id=f"refusal.{number}", messages=turns, group="refusal", origin=origin))
    return rows


def _questions(
    corpus: Corpus, groups: list[str], held_out: HeldOut, settings: GuideSettings
) -> Iterable[Question]:
    for fact in corpus.facts:
        if fact.group not in set(groups):
            continue
        # For a group never trained, every wording is new: use the held-out ones where there are.
        wordings = fact.test or (fact.train if held_out == "unknown" else ())
        for number, wording in enumerate(wordings[: settings.test_phrasings]):
            yield Question(
                id=f"{held_out}.{fact.group}.{fact.name}.{number}",
                question=wording,
                answer=fact.answer,
                group=fact.group,
                group_name=corpus.names.get(fact.group, fact.group),
                held_out=held_out,
                attribute=fact.attribute,
                key=list(fact.key),
                contradicts=_contradicting(fact, corpus),
                origin=fact.origin,
            )


def _contradicting(fact: Fact, corpus: Corpus) -> list[str]:
    """Values of the same kind that other groups have and nothing said of this one contains.

    Values with digits are left out: a date and its century differ in writing, not in fact.
    """
    if not fact.attribute:
        return []
    said = " ".join([fact.answer, *(p.text for p in corpus.passages if p.id == fact.group)])
    said += " " + " ".join(item.replace("*", "") for item in fact.key)
    others = {
        alternative.strip()
        for other in corpus.facts
        if other.attribute == fact.attribute and other.group != fact.group
        for item in other.key
        for alternative in item.split("|")
    }
    names = (value for value in others if not any(letter.isdigit() for letter in value))
    return sorted(value for value in names if not contains(said, value))

"""A catalogue: YAML entries with facts, and a file of wordings that ask for them.

Both kinds of source, this one and a table of questions (`table`), are read into a `Corpus`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from kamerton.formats.errors import InputError
from kamerton.formats.manifest import digest
from kamerton.formats.matching import contains, words
from kamerton.formats.recipe import Section, read_list, read_mapping, validate
from kamerton.formats.retrieval import Chunk


@dataclass(frozen=True)
class Fact:
    """One thing to know about one group, with the wordings that ask for it."""

    group: str
    attribute: str
    answer: str
    key: tuple[str, ...]
    train: tuple[str, ...]
    """Wordings that may become training rows."""
    test: tuple[str, ...]
    """Wordings kept for held-out questions."""
    origin: str
    key_derived: bool = False
    """Whether `key` was taken out of the answer, for want of one in the source."""

    @property
    def name(self) -> str:
        """What tells it from the other facts of its group, and stays when others come or go."""
        return self.attribute or f"fact-{digest(' '.join(words(self.answer)))[:8]}"


@dataclass(frozen=True)
class Corpus:
    """Everything read from a recipe's sources, before it is split."""

    facts: tuple[Fact, ...]
    passages: tuple[Chunk, ...]
    names: dict[str, str] = field(default_factory=dict)
    """Group to the name that readers know."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups in the order of the source."""
        return tuple(dict.fromkeys(fact.group for fact in self.facts))


class EntryFact(Section):
    """One fact: the answer as a sentence, and what a right answer must contain."""

    answer: str = Field(min_length=1)
    key: list[str] = Field(min_length=1)


class Entry(Section):
    """One entry of the catalogue: an exhibit."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    name: str = Field(min_length=1)
    called: str | None = None
    """How questions call it; by default the pattern of the phrasings file."""
    about: str = Field(min_length=1)
    facts: dict[str, EntryFact]
    source: str = Field(min_length=1)


class Phrasings(Section):
    """Wordings for each kind of fact; those under `test` never make training rows."""

    called: str = "{name}"
    train: dict[str, list[str]]
    test: dict[str, list[str]]


def read_catalogue(catalogue: Path, phrasings: Path, attributes: list[str]) -> Corpus:
    """Entries and wordings as a corpus; InputError names the entry and field that is wrong."""
    wordings = _phrasings(phrasings, attributes)
    kinds = attributes or list(wordings.train)
    entries = read_list(catalogue, Entry)
    _check(entries, catalogue)
    facts = [
        _fact(entry, kind, wordings, number, catalogue)
        for number, entry in enumerate(entries)
        for kind in kinds
        if kind in entry.facts
    ]
    passages = tuple(
        Chunk(
            id=entry.id,
            text=(text := entry.about.strip()),
            source=f"{catalogue.name}#{entry.id}",
            end=len(text),
            title=entry.name,
        )
        for entry in entries
    )
    return Corpus(tuple(facts), passages, {entry.id: entry.name for entry in entries})


def _check(entries: list[Entry], path: Path) -> None:
    # A fact whose own reference answer would be marked wrong is a fault of the data.
    for entry in entries:
        for kind, fact in entry.facts.items():
            missing = [item for item in fact.key if not contains(fact.answer, item)]
            if missing:
                where = f"{path}: {entry.id}.{kind}"
                raise InputError("develop.key_not_in_answer", where=where, key=missing[0])
    ids = [entry.id for entry in entries]
    if repeated := {i for i in ids if ids.count(i) > 1}:
        raise InputError("develop.entry_twice", where=str(path), ids=", ".join(sorted(repeated)))


def _phrasings(path: Path, attributes: list[str]) -> Phrasings:
    wordings = validate(read_mapping(path), Phrasings, path)
    for kind in attributes or wordings.train:
        both = set(wordings.train.get(kind, [])) & set(wordings.test.get(kind, []))
        if both:
            raise InputError("develop.wording_in_both", where=str(path), wording=min(both))
        if not wordings.train.get(kind) or not wordings.test.get(kind):
            raise InputError("develop.no_wordings", where=str(path), attribute=kind)
    return wordings


def _fact(entry: Entry, kind: str, wordings: Phrasings, number: int, path: Path) -> Fact:
    called = entry.called or wordings.called.format(name=entry.name)
    fact = entry.facts[kind]
    return Fact(
        group=entry.id,
        attribute=kind,
        answer=fact.answer,
        key=tuple(fact.key),
        train=_ask(wordings.train[kind], called, number * 3),
        test=_ask(wordings.test[kind], called, number),
        origin=f"{path.name}#{entry.id}.{kind}",
    )


def _ask(wordings: list[str], called: str, shift: int) -> tuple[str, ...]:
    """Every wording about one entry, in an order that turns with the entry: all get used."""
    turned = [wordings[(shift + i) % len(wordings)] for i in range(len(wordings))]
    asked = (wording.format(called=called) for wording in turned)
    return tuple(text[:1].upper() + text[1:] for text in asked)

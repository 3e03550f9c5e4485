"""What both kinds of source (a catalogue, a table of questions) are read into."""

from dataclasses import dataclass, field

from kamerton.formats.manifest import digest
from kamerton.formats.matching import words
from kamerton.formats.retrieval import Chunk

Passage = Chunk


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
    passages: tuple[Passage, ...]
    names: dict[str, str] = field(default_factory=dict)
    """Group to the name that readers know."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups in the order of the source."""
        return tuple(dict.fromkeys(fact.group for fact in self.facts))

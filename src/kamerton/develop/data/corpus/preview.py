"""What each rule would cost, file by file, before anything is written.

Repairs are tried one by one on the text as it was read, filters on the repaired text; the naive
rule "drop every sentence with a letter of another alphabet" stands beside them. Duplicates are not
in it: what they cost shows only when all texts are compared.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.clean.filters import Limits, drops
from kamerton.develop.data.clean.repair import preview as touched
from kamerton.develop.data.clean.repair import repair
from kamerton.develop.data.corpus.cleaning import naive_loss
from kamerton.develop.data.corpus.run import read_source, survey
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import Document
from kamerton.formats.language import say
from kamerton.formats.progress import progress

NAIVE = "naive"


class Cost(BaseModel):
    """One rule and one file, in characters."""

    model_config = ConfigDict(frozen=True)
    rule: str
    drops: bool
    """Whether the rule takes away; else it mends."""
    document: str
    read: int
    characters: int

    @property
    def share(self) -> float:
        """Of the file's characters."""
        return self.characters / max(1, self.read)


def preview(settings: CorpusSettings, home: Path) -> list[Cost]:
    """The cost of every rule for every file that it touches, the costliest first."""
    found: list[Cost] = []
    total = sum(survey(settings, home).sizes.values())
    with progress(say("develop.corpus_preview"), total, say("develop.characters")) as bar:
        for document in read_source(settings, home):
            found += costs(document, settings)
            bar.update(len(document.text))
    return sorted(found, key=lambda c: (-c.characters, c.rule, c.document))


def costs(document: Document, settings: CorpusSettings) -> Iterable[Cost]:
    """The cost of each rule for one document, rules that do nothing left out."""
    repairs = touched(document.text, settings.repair)
    limits = Limits(language=settings.language, **settings.drop.model_dump())
    taken: dict[str, int] = {NAIVE: naive_loss(document.text, settings.language)}
    for drop in drops(repair(document.text, settings.repair)[0].text, limits):
        taken[drop.rule] = taken.get(drop.rule, 0) + drop.end - drop.start
    for of, takes in ((repairs, False), (taken, True)):
        for rule, characters in of.items():
            if characters:
                yield Cost(
                    rule=rule,
                    drops=takes,
                    document=document.id,
                    read=len(document.text),
                    characters=characters,
                )

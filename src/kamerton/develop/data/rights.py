"""Which works may be used: terms of protection counted from a table of authors and works.

The rule is that of the Berne countries with a term after death, as the Russian Civil Code states
it (article 1281): the author's and the translator's years, whichever dies last; a work first
printed after its author's death counts from that printing, if it came within the term after the
death. Longer terms of single countries, and the rights of editors and publishers, are the
table's business: write them there as a licence or leave the work out.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.recipe import Section, read_mapping, validate

if TYPE_CHECKING:
    from kamerton.develop.settings.data import RightsSettings

Died = int | Literal["living"] | None
"""Year of death; None where nobody wrote it down."""
Decision = Literal["free", "protected", "unknown"]
Reason = Literal[
    "licence", "term_over", "term_runs", "living", "no_author", "no_year", "licence_other"
]
_CREATIVE = ("cc-by", "cc-by-sa")
FREE = frozenset(
    ["cc0-1.0", "odc-by-1.0", "pddl-1.0", "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause"]
    + ["unlicense", "public-domain"]
    + [f"{name}-{version}" for name in _CREATIVE for version in ("2.0", "2.5", "3.0", "4.0")]
)
"""Licences (SPDX names, in small letters) under which a text may be used, changed and passed on."""
_SHOWN = 5


class Person(Section):
    """An author or a translator."""

    name: str = Field(min_length=1)
    died: Died = None
    """Year of death (of several people: of the last), or `living`."""


class AuthorRow(Person):
    """Documents of one author."""

    match: str = Field(min_length=1)
    """Pattern of document ids (`*`, `?`, `[abc]`); capital and small letters differ."""


class WorkRow(Section):
    """What a work has of its own; the documents that it matches are one work if it has a title."""

    match: str = Field(min_length=1)
    """Pattern of document ids, as for authors."""
    title: str = ""
    """Documents with the same author and title never part in a split."""
    author: Person | None = None
    """Where it is not who `authors` says."""
    first_printed: int | None = None
    """Year; only of a work first printed after its author's death."""
    translator: Person | None = None
    licence: str = ""
    """Of this work, where it is not that of the source."""


class RightsTable(Section):
    """Authors and works; of each list the first row whose pattern matches a document counts."""

    authors: list[AuthorRow] = []
    works: list[WorkRow] = []


@dataclass(frozen=True)
class Right:
    """What is known of one document, and what follows."""

    id: str
    decision: Decision
    reason: Reason
    """Code of the reason; `explain` says it."""
    author: str = ""
    work: str = ""
    """Title, where the table gives one."""
    died: Died = None
    first_printed: int | None = None
    """Year of a posthumous first printing, where the table gives one."""
    translator: str = ""
    translator_died: Died = None
    licence: str = ""
    free_from: int | None = None
    """First year in which the term is over; None where it cannot be counted."""


def read_table(path: Path) -> RightsTable:
    """The table of a YAML file; InputError with file, line and field where it is wrong."""
    return validate(read_mapping(path), RightsTable, path)


def decide(ids: Sequence[str], settings: "RightsSettings", table: RightsTable) -> list[Right]:
    """The right of each document, in the order of `ids`."""
    return [_right(name, settings, table) for name in ids]


def idle(ids: Sequence[str], table: RightsTable) -> list[str]:
    """Author patterns that match no document: worth a note, as a file may be missing."""
    return [row.match for row in table.authors if not any(_fits(name, row) for name in ids)]


def allowed(rights: Sequence[Right], settings: "RightsSettings") -> tuple[list[Right], list[Right]]:
    """The documents that are kept and those that are dropped.

    Raises InputError where some are unknown and `accept` gives no reason, or where some are
    protected and `protected` is `stop`.
    """
    stopping: dict[Decision, bool] = {
        "unknown": not settings.accept,
        "protected": settings.protected == "stop",
    }
    for decision in (name for name, stops in stopping.items() if stops):
        bad = [right for right in rights if right.decision == decision]
        if bad:
            shown = "; ".join(f"{right.id} ({explain(right)})" for right in bad[:_SHOWN])
            where = str(settings.table or "rights.table")
            raise InputError(f"develop.rights_{decision}", where=where, count=len(bad), shown=shown)
    going = "protected" if settings.protected == "drop" else None
    kept = [right for right in rights if right.decision != going]
    return kept, [right for right in rights if right.decision == going]


def works(rights: Sequence[Right]) -> dict[str, str]:
    """Document id to the work that it is of: its title where the table gives one, else the id.

    Where two authors have a work of the same title, the author stands before it.
    """
    authors: dict[str, set[str]] = {}
    for right in rights:
        authors.setdefault(right.work, set()).add(right.author)

    def name(right: Right) -> str:
        shared = len(authors[right.work]) > 1
        return f"{right.author}: {right.work}" if shared else right.work

    return {right.id: name(right) if right.work else right.id for right in rights}


def explain(right: Right) -> str:
    """The reason of a decision, in the language in force."""
    until = right.free_from - 1 if right.free_from else None
    values = {"licence": right.licence, "free_from": right.free_from, "until": until}
    return say(f"develop.rights_{right.reason}", **values)


def _right(name: str, settings: "RightsSettings", table: RightsTable) -> Right:
    work = next((row for row in table.works if _fits(name, row)), WorkRow(match=name))
    author = work.author or next((row for row in table.authors if _fits(name, row)), None)
    licence = work.licence or settings.licence
    decision, reason, free_from = _judge(author, work, licence, settings)
    return Right(
        id=name,
        decision=decision,
        reason=reason,
        author=author.name if author else "",
        work=work.title,
        died=author.died if author else None,
        first_printed=work.first_printed,
        translator=work.translator.name if work.translator else "",
        translator_died=work.translator.died if work.translator else None,
        licence=licence,
        free_from=free_from,
    )


def _fits(name: str, row: AuthorRow | WorkRow) -> bool:
    """Some systems give й in a file name as two characters: both forms are one."""
    return fnmatchcase(*(unicodedata.normalize("NFC", text) for text in (name, row.match)))


def _judge(
    author: Person | None, work: WorkRow, licence: str, settings: "RightsSettings"
) -> tuple[Decision, Reason, int | None]:
    """Decision, reason and the first free year; a term that still runs needs no other year."""
    if re.sub(r"[\s_]+", "-", licence.strip().lower()) in FREE:
        return "free", "licence", None
    died = [author.died if author else None]
    died += [work.translator.died] if work.translator else []
    if "living" in died:
        return "protected", "living", None
    years = [year for year in died if isinstance(year, int)]
    # A first printing counts where a term starts with it: not when the old one was over.
    printed, death = work.first_printed, died[0]
    if printed and isinstance(death, int) and printed <= death + settings.term:
        years.append(printed)
    free_from = max(years, default=0) + settings.term + 1
    if free_from > settings.year and years:
        return "protected", "term_runs", free_from
    if None not in died:
        return "free", "term_over", free_from
    why: Reason = "no_year" if author else "no_author"
    return "unknown", "licence_other" if licence else why, None

"""The card of rows: what was read, what went and why, what is left; JSON, Markdown, HTML."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.corpus.card import HTML, JSON, MARKDOWN, cell, histogram, page, share
from kamerton.develop.data.rows.filters import by_reason
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say

__all__ = ["HTML", "JSON", "MARKDOWN", "RowsCard", "lengths", "reasons", "write"]
_SAMPLES = 3


class Reason(BaseModel):
    """Rows that went for one reason."""

    model_config = ConfigDict(frozen=True)
    name: str
    rows: int
    samples: list[str]


class RowsCard(BaseModel):
    """All figures of a set of rows; `read` = dropped + train + held_out + neither."""

    model_config = ConfigDict(frozen=True)
    sources: list[str]
    licence: str
    read: int
    train: int
    held_out: int
    neither: int
    """Training rows of a group that a source holds out."""
    groups: int
    held_out_groups: int
    dropped: list[Reason]
    personal: int
    """Pieces of personal data found in all rows."""
    leaks: dict[str, int]
    printed: dict[str, int]
    lengths: dict[str, int]
    dataset_sha256: str


def reasons(gone: Mapping[str, str], texts: Mapping[str, str]) -> list[Reason]:
    """Rows that went, by reason, with a few of their answers."""
    return [
        Reason(name=name, rows=len(ids), samples=[texts[i][:120] for i in sorted(ids)[:_SAMPLES]])
        for name, ids in by_reason(gone)
    ]


def lengths(answers: Sequence[str]) -> dict[str, int]:
    """Answers by their number of characters."""
    return histogram([len(answer) for answer in answers])


def write(card: RowsCard, out: Path) -> None:
    """Write card.json, card.md and card.html, in the language in force."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; `cell` escapes what comes from the rows
    )
    environment.filters |= {"cell": cell, "share": share}
    source = (files("kamerton.develop.data.rows") / "card.md.jinja").read_text("utf-8")
    text = environment.from_string(source).render(card=card, t=_text)
    write_text(out / JSON, card.model_dump_json(indent=1) + "\n")
    write_text(out / MARKDOWN, text)
    write_text(out / HTML, page(text))


def _text(key: str, /, **values: object) -> str:
    return say(f"develop.rows_card_{key}", **values)

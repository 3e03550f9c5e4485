"""Data set cards as files: JSON, Markdown that the hub reads, and one HTML page."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import jinja2
from pydantic import BaseModel

from kamerton.formats.jsonl import write_text
from kamerton.formats.page import page

JSON, MARKDOWN, HTML = "card.json", "card.md", "card.html"
_STYLE = """
main { overflow-wrap: anywhere; }
h2 { margin-top: 2.4rem; }
table { display: block; overflow-x: auto; font-size: .9rem; }
td[style*="right"], th[style*="right"] { white-space: nowrap; }
"""
_BOUNDS = (0, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True)
class Facts:
    """What the hub finds a data set by; what is not known stays empty."""

    languages: Sequence[str]
    licence: str
    rows: int
    datasets: Sequence[str] = ()
    """Sets of the hub that it was made of, by their ids."""


def render(package: str, **values: object) -> str:
    """A package's card.md.jinja as Markdown; its `cell` filter escapes what comes from texts."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"cell": cell, "share": share, "number": number}
    source = (files(package) / "card.md.jinja").read_text("utf-8")
    return environment.from_string(source).render(**values)


def write_card(card: BaseModel, facts: Facts, text: str, title: str, out: Path) -> None:
    """Write the three files of a card whose Markdown is `text` and whose metadata are `facts`."""
    from huggingface_hub import DatasetCard, DatasetCardData
    from markdown_it import MarkdownIt

    data = DatasetCardData(
        language=list(facts.languages),
        license=re.sub(r"[\s_]+", "-", facts.licence.strip().lower()) or None,
        source_datasets=list(facts.datasets) or None,
        size_categories=_size(facts.rows),
        task_categories=["text-generation"],
        tags=["kamerton"],
    )
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    write_text(out / JSON, card.model_dump_json(indent=1) + "\n")
    write_text(out / MARKDOWN, str(DatasetCard(f"---\n{data.to_yaml()}\n---\n\n{text}")))
    write_text(out / HTML, page(title, body, _STYLE))


def _size(rows: int) -> str:
    """The hub's name for so many rows."""
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((name for bound, name in bounds.items() if rows < bound), "n>1M")


def histogram(lengths: Sequence[int]) -> dict[str, int]:
    """How many lengths lie between two bounds, by "from-to"."""
    names = [*(f"{low}-{high - 1}" for low, high in pairwise(_BOUNDS)), f"{_BOUNDS[-1]}+"]
    counts = Counter(bisect_right(_BOUNDS, length) for length in lengths)
    return {name: counts[place] for place, name in enumerate(names, start=1)}


def cell(text: str) -> str:
    """A text as one cell of a table: nothing in it is markup."""
    one_line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|!" else letter for letter in one_line)


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    value = 100 * part / whole if whole else 0.0
    return f"{value:.1f} %" if value >= 0.05 or not part else "< 0.1 %"


def number(value: int) -> str:
    """An integer with thin spaces between thousands, as both languages write it."""
    return f"{value:,}".replace(",", "\u202f")

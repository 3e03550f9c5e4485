"""Cards as files: JSON, Markdown, and one HTML page; what both kinds of card share."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import jinja2
from pydantic import BaseModel

from kamerton.formats.jsonl import write_text
from kamerton.formats.language import current

JSON, MARKDOWN, HTML = "card.json", "card.md", "card.html"
_BOUNDS = (0, 100, 200, 500, 1000, 2000, 5000, 10000)


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


def write_card(card: BaseModel, text: str, title: str, out: Path) -> None:
    """Write the three files of a card whose Markdown is `text`."""
    write_text(out / JSON, card.model_dump_json(indent=1) + "\n")
    write_text(out / MARKDOWN, text)
    write_text(out / HTML, page(text, title))


def page(text: str, title: str) -> str:
    """Markdown as one HTML page that needs no other file."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    style = (files("kamerton.develop.data") / "card.css").read_text("utf-8")
    return (
        f'<!doctype html>\n<html lang="{current()}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n<main>{body}</main>\n</html>\n"
    )


def histogram(lengths: Sequence[int]) -> dict[str, int]:
    """How many lengths lie between two bounds, by "from-to"."""
    found = dict.fromkeys(_names(), 0)
    for length in lengths:
        place = max(i for i, bound in enumerate(_BOUNDS) if length >= bound)
        found[_names()[place]] += 1
    return found


def _names() -> list[str]:
    return [f"{low}-{high - 1}" for low, high in pairwise(_BOUNDS)] + [f"{_BOUNDS[-1]}+"]


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

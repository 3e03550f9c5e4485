"""What pages and cards are made of: sections of small frozen blocks, written as HTML or Markdown.

A section of a kind of run is a function from the run to a `Section`, or to None where the run has
nothing for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2

from kamerton.experiment.report.figures import text
from kamerton.experiment.report.plot import Curve, Scale, Scatter
from kamerton.formats.page import page as html_page
from kamerton.formats.scores import Interval


class Block:
    """What sections are made of; the template has a macro of the same name for each."""


@dataclass(frozen=True)
class Text(Block):
    """A paragraph; `look` is its CSS class."""

    text: str
    look: str = ""


@dataclass(frozen=True)
class Heading(Block):
    """A heading below that of the section."""

    text: str


@dataclass(frozen=True)
class Bullets(Block):
    """A list of sentences."""

    items: Sequence[str]
    look: str = ""


@dataclass(frozen=True)
class Code(Block):
    """Lines as they are; `look` `indented` makes them indented code in Markdown."""

    text: str
    look: str = ""


@dataclass(frozen=True)
class Term:
    """A name and what it stands for: text, then codes, then a quiet remark."""

    name: str
    text: str = ""
    codes: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True)
class Terms(Block):
    """Names with their explanations."""

    terms: Sequence[Term]
    look: str = ""


@dataclass(frozen=True)
class Figures(Block):
    """Names with figures; `look` `facts` draws few of them large."""

    pairs: Sequence[tuple[str, str]]
    look: str = "figures"


@dataclass(frozen=True)
class Table(Block):
    """Rows of one form; a row has a name (empty where it has none) and its cells."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    caption: str = ""
    corner: str = ""
    """Heads the column of names."""
    look: str = ""


@dataclass(frozen=True)
class Score:
    """A share with its interval, and the length of the bar beneath, in per cent."""

    mean: str
    interval: str
    width: float


@dataclass(frozen=True)
class ScoreRow:
    """One criterion of one set, all columns; `mark` stands beside the name."""

    name: str
    scores: Sequence[Score | None]
    mark: str = ""


@dataclass(frozen=True)
class Scores(Block):
    """The table of scores: titled groups of rows."""

    corner: str
    columns: Sequence[str]
    groups: Sequence[tuple[str, Sequence[ScoreRow]]]


@dataclass(frozen=True)
class PlotRow:
    """A figure with its interval: both drawn, and both in words where they have some."""

    spread: Interval
    name: str = ""
    mean: str = ""
    interval: str = ""
    verdict: str = ""
    """Code of the verdict that stands beside."""
    look: str = ""


@dataclass(frozen=True)
class Plots(Block):
    """Intervals on one scale; `unit` says what the axis counts."""

    rows: Sequence[PlotRow]
    scale: Scale
    unit: str = ""
    margin: float | None = None
    """Differences up to it are of no importance: its band is drawn around zero."""


@dataclass(frozen=True)
class Claim(Block):
    """One declared comparison; `verdict` is the code of its verdict."""

    title: str
    verdict: str
    plots: Plots
    sentence: str
    counts: str
    test: str


@dataclass(frozen=True)
class Chart(Block):
    """Lines over steps."""

    curve: Curve
    title: str
    unit: str
    across: str


@dataclass(frozen=True)
class ScatterPlot(Block):
    """Pairs of values as dots."""

    scatter: Scatter
    title: str
    note: str
    across: str
    up: str


@dataclass(frozen=True)
class Learning(Block):
    """Prompts, each with its continuation at every step; None where there is none."""

    steps: Sequence[tuple[int, str, str]]
    """Step, its name, and what was measured at it, empty where nothing was."""
    prompts: Sequence[tuple[str, Sequence[str | None]]]


@dataclass(frozen=True)
class Answer:
    """What one arm answered; `right` is None where nothing judged it."""

    arm: str
    text: str
    right: bool | None
    notes: Sequence[str]


@dataclass(frozen=True)
class Question:
    """One question with all answers; `held_out` is its set, empty where there are none."""

    text: str
    answers: Sequence[Answer]
    held_out: str = ""
    reference: str = ""
    differs: bool = False
    title: str = ""


@dataclass(frozen=True)
class Answers(Block):
    """All questions, filtered by set where sets are named."""

    questions: Sequence[Question]
    sets: Sequence[str] = ()
    right: str = ""
    wrong: str = ""


@dataclass(frozen=True)
class Details(Block):
    """Blocks that are shown when the summary is clicked."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A titled part of a page or card; without a title its blocks stand alone."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    kicker: str
    headline: str
    sections: Sequence[Section]
    leads: Sequence[str] = ()
    warnings: Sequence[str] = ()
    """What must not be overlooked, before all sections."""
    warnings_title: str = ""


def html(page: Page) -> str:
    """The page as one file; whatever came from a model or a user is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    body = environment.from_string(_file("report.html.jinja")).render(page=page, t=text)
    filtered = any(isinstance(b, Answers) and b.sets for s in page.sections for b in s.blocks)
    scripts = f"<script>\n{_file('answers.js')}\n</script>" if filtered else ""
    return html_page(page.title, body, _file("report.css"), scripts)


def _file(name: str) -> str:
    return (files("kamerton.experiment.report") / name).read_text("utf-8")


def markdown(sections: Sequence[Section]) -> str:
    """Sections as Markdown, those without blocks left out."""
    parts: list[str] = []
    for section in sections:
        texts = [written for written in map(_markdown, section.blocks) if written]
        if texts and section.title:
            parts.append(f"## {section.title}")
        parts += texts
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Text(paragraph):
            return paragraph
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(lines, "indented"):
            return "\n".join(f"    {line}" for line in lines.splitlines())
        case Code(lines, language):
            return f"```{language or 'text'}\n{lines}\n```"
    raise TypeError(f"{type(block).__name__} has no form in Markdown")

"""Tables for the terminal, for cards and for other people's documents."""

import csv
import io
import textwrap
from collections.abc import Callable, Sequence
from functools import partial

from kamerton.experiment.report.figures import interval_legend, interval_marks, text
from kamerton.experiment.report.words import criterion
from kamerton.formats.scores import Cell, Summary
from kamerton.formats.table import aligned

Rows = Sequence[Sequence[str]]
"""The head, then the rows, all of one length."""
WIDTH = 88
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
}


def markdown(rows: Rows) -> str:
    """A table in Markdown."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def latex(rows: Rows) -> str:
    """A tabular that needs no package."""
    escaped = [
        " & ".join("".join(_ESCAPED.get(letter, letter) for letter in cell) for cell in row)
        for row in rows
    ]
    lines = [escaped[0] + r" \\ \hline", *(line + r" \\" for line in escaped[1:])]
    start = rf"\begin{{tabular}}{{{'l' * len(rows[0])}}}"
    return "\n".join([start, *lines, r"\end{tabular}"])


def comma_separated(rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV, without a last line's end."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().rstrip("\n")


FORMS: dict[str, Callable[[Rows], str]] = {
    "text": partial(aligned, head=True),
    "markdown": markdown,
    "latex": latex,
}


def grid(summary: Summary) -> dict[str, dict[str, list[Cell | None]]]:
    """Held-out set, then criterion, to the cells of all arms in their order."""
    cells = {(c.held_out, c.criterion, c.arm): c for c in summary.cells}
    rows: dict[str, dict[str, list[Cell | None]]] = {}
    for held_out, name in dict.fromkeys((c.held_out, c.criterion) for c in summary.cells):
        of_arms = [cells.get((held_out, name, arm)) for arm in summary.arms]
        rows.setdefault(held_out, {})[name] = of_arms
    return rows


def plain_table(summary: Summary) -> str:
    """Arms as columns, criteria of each held-out set as rows; means with intervals, named below."""
    marks = interval_marks(cell.score for cell in summary.cells)
    rows = [
        [
            f"{text(f'set_{held_out}')}: {criterion(name)}",
            *(share(cell) + marks[cell.score.kind] if cell else "" for cell in cells),
        ]
        for held_out, criteria in grid(summary).items()
        for name, cells in criteria.items()
    ]
    table = aligned([[text("table_head"), *summary.arms], *rows], head=True)
    return "\n\n".join(filter(None, [table, wrapped(interval_legend(marks))]))


def share(cell: Cell) -> str:
    """A share in whole per cent, with its interval."""
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    return f"{mean} [{low}-{high}]"


def wrapped(sentence: str) -> str:
    """A text in lines that fit a terminal."""
    return textwrap.fill(sentence, WIDTH, break_on_hyphens=False)

"""The table and the verdict that `kamerton run` prints at its end."""

import textwrap

from kamerton.experiment.report.words import harm, verdict_sentence
from kamerton.formats.language import say
from kamerton.formats.scores import Cell, Summary

_WIDTH = 88


def plain_table(summary: Summary) -> str:
    """Arms as columns, criteria of each held-out set as rows; means with intervals."""
    head = [say("experiment.table_head"), *summary.arms]
    rows: list[list[str]] = [head]
    for held_out, criterion in dict.fromkeys((c.held_out, c.criterion) for c in summary.cells):
        found = {
            c.arm: c for c in summary.cells if (c.held_out, c.criterion) == (held_out, criterion)
        }
        name = f"{say(f'experiment.set_{held_out}')}: {say(f'experiment.criterion_{criterion}')}"
        rows.append([name, *(_cell(found.get(arm)) for arm in summary.arms)])
    return aligned(rows)


def closing_words(summary: Summary) -> str:
    """The table, what became worse, and the verdict in one sentence."""
    label = say("experiment.verdict_label")
    texts = [*harm(summary), f"{label}: {verdict_sentence(summary)}"]
    wrapped = [textwrap.fill(text, _WIDTH, break_on_hyphens=False) for text in texts]
    return "\n\n".join([plain_table(summary), *wrapped]) + "\n"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    return f"{mean} [{low}-{high}]"


def aligned(rows: list[list[str]]) -> str:
    """A table in plain text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

"""The table and the verdict that `kamerton run` prints at the end of a rows recipe."""

import textwrap

from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, PREFERRED
from kamerton.experiment.report.rows.material import RowsMaterial, form_only
from kamerton.experiment.report.rows.words import harm, perplexity, verdict_sentence
from kamerton.experiment.report.table import aligned, plain_table
from kamerton.formats.language import say
from kamerton.formats.scores import Cell, Summary

_WIDTH = 88


def tables(summary: Summary) -> str:
    """What training left of held-out rows, then the form of the answers: what was measured."""
    form = form_only(summary)
    parts = [_loss(summary), _choices(summary), plain_table(form) if form.cells else ""]
    return "\n\n".join(part for part in parts if part)


def closing_words(material: RowsMaterial) -> str:
    """The tables, what became worse, and the verdict."""
    label = say("experiment.verdict_label")
    texts = [*harm(material.summary), f"{label}: {verdict_sentence(material)}"]
    wrapped = [textwrap.fill(text, _WIDTH, break_on_hyphens=False) for text in texts]
    return "\n\n".join([tables(material.summary), *wrapped]) + "\n"


def _loss(summary: Summary) -> str:
    """Perplexity and loss of each arm; empty where no losses were left."""
    found = _of(summary, LIKELIHOOD)
    if not found:
        return ""
    perplexities = [perplexity(-cell.score.mean) for cell in found]
    rows = [
        [say("experiment.loss_row"), *map(_nats, found)],
        [say("experiment.perplexity_row"), *perplexities],
    ]
    return aligned([_head("loss_table_head", found), *rows])


def _choices(summary: Summary) -> str:
    """Loss of choices and order of pairs of each arm; empty where no choices were left."""
    found, pairs = _of(summary, CHOICE), _of(summary, PREFERRED)
    if not found:
        return ""
    rows = [[say("experiment.choices_row"), *map(_nats, found)]]
    if pairs:
        rows.append([say("experiment.pairs_row"), *map(_share, pairs)])
    return aligned([_head("choices_table_head", found), *rows])


def _of(summary: Summary, criterion: str) -> list[Cell]:
    return [cell for cell in summary.cells if cell.criterion == criterion]


def _head(key: str, found: list[Cell]) -> list[str]:
    return [say(f"experiment.{key}"), *(cell.arm for cell in found)]


def _nats(cell: Cell) -> str:
    """The loss, with its interval where there is one: not of a figure known by definition."""
    score = cell.score
    told = f"{-score.mean:.3f}"
    if cell.groups < 2 or score.low == score.high:
        return told
    return f"{told} [{-score.high:.3f}-{-score.low:.3f}]"


def _share(cell: Cell) -> str:
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    return f"{mean} [{low}-{high}]"

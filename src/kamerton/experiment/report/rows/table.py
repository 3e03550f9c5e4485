"""The table and the verdict that `kamerton run` prints at the end of a rows recipe."""

import textwrap

from kamerton.experiment.likelihood import LIKELIHOOD
from kamerton.experiment.report.rows.material import form_only
from kamerton.experiment.report.rows.words import harm, perplexity, verdict_sentence
from kamerton.experiment.report.table import aligned, plain_table
from kamerton.formats.language import say
from kamerton.formats.scores import Summary

_WIDTH = 88


def tables(summary: Summary) -> str:
    """Held-out loss, then the form of the answers; each only where it was measured."""
    form = form_only(summary)
    parts = [_loss(summary), plain_table(form) if form.cells else ""]
    return "\n\n".join(part for part in parts if part)


def closing_words(summary: Summary) -> str:
    """The tables, what became worse, and the verdict."""
    label = say("experiment.verdict_label")
    texts = [*harm(summary), f"{label}: {verdict_sentence(summary)}"]
    wrapped = [textwrap.fill(text, _WIDTH, break_on_hyphens=False) for text in texts]
    return "\n\n".join([tables(summary), *wrapped]) + "\n"


def _loss(summary: Summary) -> str:
    """Perplexity and loss of each arm; empty where no losses were left."""
    found = [cell for cell in summary.cells if cell.criterion == LIKELIHOOD]
    if not found:
        return ""
    several = found[0].groups > 1
    losses = [
        f"{-c.score.mean:.3f}" + (f" [{-c.score.high:.3f}-{-c.score.low:.3f}]" if several else "")
        for c in found
    ]
    head = [say("experiment.loss_table_head"), *(cell.arm for cell in found)]
    perplexities = [perplexity(-cell.score.mean) for cell in found]
    rows = [
        [say("experiment.loss_row"), *losses],
        [say("experiment.perplexity_row"), *perplexities],
    ]
    return aligned([head, *rows])

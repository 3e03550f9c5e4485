"""What `kamerton run` prints at the end of a pretraining."""

import textwrap

from kamerton.experiment.report.pretraining.view import facts
from kamerton.experiment.report.pretraining.words import headline, per_character, sentence
from kamerton.experiment.report.table import aligned
from kamerton.formats.language import say
from kamerton.formats.pretraining import Pretraining

_WIDTH = 88


def table(figures: Pretraining) -> str:
    """The figures of the run, and the perplexity per character at the last evaluations."""
    rows = [[say("experiment.pretrained_table_head"), ""], *([k, v] for k, v in facts(figures))]
    ngram = figures.ngram_nats_per_character
    for evaluation in figures.evaluations[-1:]:
        perplexity = per_character(evaluation.nats_per_character)
        rows.append([_perplexity("experiment.line_model"), perplexity])
    if ngram is not None:
        name = _perplexity("experiment.line_ngram", order=figures.ngram_order)
        rows.append([name, per_character(ngram)])
    return aligned(rows)


def _perplexity(key: str, **values: object) -> str:
    return f"{say('experiment.column_perplexity')}, {say(key, **values)}"


def closing_words(figures: Pretraining) -> str:
    """The table, and what came out in a sentence."""
    told = f"{headline(figures)}. {sentence(figures)}"
    return f"{table(figures)}\n\n{textwrap.fill(told, _WIDTH, break_on_hyphens=False)}\n"

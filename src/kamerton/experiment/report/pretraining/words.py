"""What a pretraining came to, in words: the same sentences on the page, the card, the terminal."""

import math

from kamerton.experiment.report import words
from kamerton.formats.language import say
from kamerton.formats.pretraining import Evaluation, Pretraining

SAME = 0.01
"""Ratios of perplexities nearer to 1 than this are called about the same."""


def count(value: float) -> str:
    """A whole number with narrow spaces between thousands, as both languages write it."""
    return f"{value:,.0f}".replace(",", "\u202f")


def per_character(nats: float) -> str:
    """A perplexity per character."""
    return f"{math.exp(nats):.3f}"


def last(figures: Pretraining) -> Evaluation | None:
    """The last evaluation: of the model that was kept."""
    return max(figures.evaluations, key=lambda e: e.step, default=None)


def best(figures: Pretraining) -> Evaluation | None:
    """The evaluation with the lowest loss."""
    return min(figures.evaluations, key=lambda e: e.loss, default=None)


def headline(figures: Pretraining) -> str:
    """What came out, in one line, without a full stop."""
    end, ratio = last(figures), figures.ratio_to_ngram
    if end is None:
        return words.capital(say("experiment.pretrained_blind", seen=count(figures.seen_tokens)))
    if ratio is None or figures.ngram_nats_per_character is None:
        return words.capital(
            say("experiment.pretrained_alone", end=per_character(end.nats_per_character))
        )
    code = "same" if abs(ratio - 1) < SAME else "better" if ratio < 1 else "worse"
    return words.capital(say(f"experiment.ngram_{code}", order=figures.ngram_order))


def sentence(figures: Pretraining) -> str:
    """The figures behind the headline, as whole sentences."""
    end = last(figures)
    if end is None:
        return say("experiment.pretrained_no_evaluation")
    first = min(figures.evaluations, key=lambda e: e.step)
    told = [
        say(
            "experiment.pretrained_figures",
            end=per_character(end.nats_per_character),
            step=count(end.step),
            start=per_character(first.nats_per_character),
            first=count(first.step),
        )
    ]
    return " ".join([*told, against_ngram(figures)]).strip()


def against_ngram(figures: Pretraining) -> str:
    """The n-gram's figure and the ratio, as a sentence; empty where there is no n-gram."""
    if figures.ratio_to_ngram is None or figures.ngram_nats_per_character is None:
        return ""
    return say(
        "experiment.ngram_figures",
        order=figures.ngram_order,
        ngram=per_character(figures.ngram_nats_per_character),
        ratio=f"{figures.ratio_to_ngram:.3f}",
    )

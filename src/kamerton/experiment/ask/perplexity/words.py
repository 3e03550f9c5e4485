"""An evaluation by perplexity in words, in either language."""

from kamerton.experiment.ask.perplexity.rows import Rate, TextResults
from kamerton.formats.language import say


def lines(results: TextResults) -> list[str]:
    """What a person reads, one statement a line."""
    found = results.figures
    return [
        say("experiment.texts_asked", documents=found.documents, groups=found.groups),
        *(f"  {name(one)}: {value(one)}" for one in found.rates),
        say(
            "experiment.texts_perplexity",
            perplexity=f"{found.perplexity:.4g}",
            bits=f"{found.bits_per_byte:.4f}",
        ),
        rule(results),
    ]


def name(rate: Rate) -> str:
    """What is counted."""
    return say(f"experiment.texts_per_{rate.unit}", count=rate.count)


def value(rate: Rate) -> str:
    """Nats with their interval, or why there is none."""
    if rate.interval is None:
        return say("experiment.texts_alone", value=f"{rate.value:.4f}")
    low, high = f"{rate.interval.low:.4f}", f"{rate.interval.high:.4f}"
    return say("experiment.score_interval", mean=f"{rate.value:.4f}", low=low, high=high)


def rule(results: TextResults) -> str:
    """How long texts were cut, and what the first token is scored behind."""
    told = say(
        "experiment.texts_rule",
        window=results.window,
        overlap=results.overlap,
        windows=results.figures.windows,
    )
    return told if results.prefix is not None else f"{told} {say('experiment.texts_no_prefix')}"

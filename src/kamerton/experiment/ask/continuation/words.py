"""Continuations in words, in either language."""

from kamerton.experiment.ask.continuation.evaluate import ContinuationResults
from kamerton.formats.language import say
from kamerton.formats.scores import Interval


def lines(results: ContinuationResults) -> list[str]:
    """What a person reads, one statement a line."""
    return [
        say(
            "experiment.continue_asked",
            beginnings=results.beginnings,
            answers=results.answers,
            temperature=f"{results.settings['temperature']:g}",
        ),
        say(
            "experiment.continue_ended",
            share=_share(results.ended),
            method=say(f"experiment.score_by_{results.method}"),
        ),
        say("experiment.continue_looped", share=_share(results.looped)),
    ]


def _share(found: Interval) -> str:
    mean, low, high = (f"{100 * one:.2f} %" for one in (found.mean, found.low, found.high))
    return say("experiment.score_interval", mean=mean, low=low, high=high)

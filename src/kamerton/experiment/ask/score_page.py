"""Pages of multiple choice, perplexity and continuations: one HTML file each, without others."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from kamerton.experiment.ask.choice import words as choice_words
from kamerton.experiment.ask.choice.rows import ChoiceResults
from kamerton.experiment.ask.continuation import words as continuation_words
from kamerton.experiment.ask.continuation.evaluate import ContinuationResults, Continued
from kamerton.experiment.ask.evaluate import PAGE
from kamerton.experiment.ask.perplexity import words as text_words
from kamerton.experiment.ask.perplexity.rows import TextResults
from kamerton.experiment.report.plot import SHARES, Scale, Strip, number, round_values, strip
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import current, say
from kamerton.formats.scores import Interval

Plot = tuple[str, str, Strip]
"""Name, figure and drawing of a value with its interval."""


def choice_page(results: ChoiceResults, out: Path) -> Path:
    """Write the page of multiple choice into `out`, in the language in force; its path."""
    found = results.figures
    plots = [
        (_text("choice_name"), choice_words.share(found.accuracy), strip(found.accuracy, SHARES)),
        (
            _text("choice_name_norm"),
            choice_words.share(found.accuracy_norm),
            strip(found.accuracy_norm, SHARES),
        ),
    ]
    return _written(
        out,
        "scores.html.jinja",
        results=results,
        title=_text("ask_title", task=_text("choice_title"), model=results.model),
        headline=_text("ask_headline", share=percent(found.accuracy.mean)),
        lead=choice_words.lines(results)[0],
        remarks=choice_words.leaning(results),
        plots=plots,
        ticks=SHARES.ticks(),
        positions=found.positions,
        lines=choice_words.lines(results),
        digest=results.prompts,
    )


def perplexity_page(results: TextResults, out: Path) -> Path:
    """Write the page of perplexity into `out`, in the language in force; its path."""
    rates = results.figures.rates
    known = [rate.interval for rate in rates if rate.interval is not None]
    scale = _scale(known)
    plots = [
        (text_words.name(rate), text_words.value(rate), strip(rate.interval, scale))
        for rate in rates
        if rate.interval is not None
    ]
    byte = next(rate for rate in rates if rate.unit == "byte")
    return _written(
        out,
        "scores.html.jinja",
        results=results,
        title=_text("ask_title", task=_text("texts_title"), model=results.model),
        headline=_text("texts_headline", value=_figure(f"{byte.value:.4f}")),
        lead=text_words.lines(results)[0],
        remarks=[],
        plots=plots,
        ticks=scale.ticks(),
        positions=[],
        lines=text_words.lines(results),
        digest=results.texts,
    )


def continuation_page(results: ContinuationResults, rows: Sequence[Continued], out: Path) -> Path:
    """Write beginnings and continuations side by side into `out`; the page's path."""
    return _written(
        out,
        "continuations.html.jinja",
        results=results,
        rows=rows,
        title=_text("ask_title", task=_text("continue_title"), model=results.model),
        lines=continuation_words.lines(results),
    )


def percent(share: float) -> str:
    """A share in per cent, with the decimal sign of the language in force."""
    return _figure(f"{100 * share:.1f}")


def _scale(intervals: Sequence[Interval]) -> Scale:
    """From 0 up to what holds all intervals."""
    high = max((one.high for one in intervals), default=1.0) * 1.05
    return Scale(0.0, high, tuple((value, number(value)) for value in round_values(0.0, high)))


def _written(out: Path, template: str, **values: object) -> Path:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    own = files("kamerton.experiment.ask") / template
    style = files("kamerton.experiment.report") / "style.css"
    page = environment.from_string(own.read_text("utf-8")).render(
        t=_text,
        language=current(),
        style=Markup(style.read_text("utf-8")),  # ours: no text of a model is in it
        percent=percent,
        **values,
    )
    write_text(out / PAGE, page)
    return out / PAGE


def _figure(told: str) -> str:
    return told.replace(".", ",") if current() == "ru" else told


def _text(key: str, /, **values: object) -> str:
    return say(f"experiment.{key}", **values)

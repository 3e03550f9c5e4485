"""What the pages of `kamerton eval` share: plots with figures, all lines, what they depend on."""

import json
from collections.abc import Mapping, Sequence

from kamerton.experiment.report import plot
from kamerton.experiment.report.blocks import (
    Code,
    PlotRow,
    Plots,
    Score,
    Section,
    Term,
    Terms,
    Text,
)
from kamerton.experiment.report.figures import decimal, text
from kamerton.formats.scores import Interval

Measured = tuple[str, str, Interval]
"""Name, figure in words, and the value with its interval."""


def percent(share: float, digits: int = 1) -> str:
    """A share as a figure in per cent, with the decimal sign of the language in force."""
    return decimal(f"{100 * share:.{digits}f}")


def share_with_interval(share: Interval) -> str:
    """A share with its interval, as the terminal shows it."""
    mean, low, high = (f"{100 * one:.2f} %" for one in (share.mean, share.low, share.high))
    return text("score_interval", mean=mean, low=low, high=high)


def values(measured: Sequence[Measured], scale: plot.Scale) -> list[Section]:
    """The section of the figures with intervals; none where there are none."""
    if not measured:
        return []
    note = Text(text("score_values_note"), "quiet")
    return [Section(text("score_values"), [note, plots(measured, scale)])]


def plots(measured: Sequence[Measured], scale: plot.Scale) -> Plots:
    """One drawing for each figure."""
    rows = [
        PlotRow(interval, name, interval=figure, look="a3") for name, figure, interval in measured
    ]
    return Plots(rows, scale)


def bar(share: float) -> Score:
    """A share as a cell with a bar."""
    return Score(f"{percent(share)} %", "", round(100 * share, 1))


def figures(fingerprint: str, terms: Sequence[Term], lines: Sequence[str] = ()) -> Section:
    """All figures as the terminal shows them, and what they depend on, the weights first."""
    code = [Code("\n".join(lines))] if lines else []
    weights = Term(text("ask_weights"), codes=[fingerprint])
    return Section(text("ask_figures"), [*code, Terms([weights, *terms])])


def scored_texts(digest: str) -> Term:
    """Which texts were scored."""
    return Term(text("score_texts"), codes=[digest])


def settings(sampling: Mapping[str, object], prompt_tokens: int, answer_tokens: int) -> list[Term]:
    """How answers were drawn, and the tokens of questions and answers."""
    codes = [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in sampling.items()]
    tokens = f"{prompt_tokens} + {answer_tokens}"
    return [Term(text("ask_settings"), codes=codes), Term(text("ask_tokens"), tokens)]

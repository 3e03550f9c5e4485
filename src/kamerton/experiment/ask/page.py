"""An evaluation as one HTML page without other files: accuracy, curve over n, errors to read."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from kamerton.experiment.ask.evaluate import PAGE, Results
from kamerton.experiment.report.plot import SHARES, Scale, Strip, round_values, strip
from kamerton.experiment.tasks.maths import words
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import current, say

_WIDTH, _HEIGHT, _LEFT, _LOW = 640.0, 260.0, 52.0, 34.0


@dataclass(frozen=True)
class Curve:
    """Accuracy over the number of samples, in a drawing's own units."""

    width: float
    height: float
    points: tuple[tuple[float, float, str], ...]
    """Place of each n and what is said of it."""
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]

    @property
    def line(self) -> str:
        """The points as SVG reads them."""
        return " ".join(f"{x:g},{y:g}" for x, y, _ in self.points)


def write_page(results: Results, out: Path) -> Path:
    """Write the page, in the language in force, into `out`; its path."""
    write_text(out / PAGE, render(results))
    return out / PAGE


def render(results: Results) -> str:
    """The page as text; what came from a model is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    own = files("kamerton.experiment.ask") / "page.html.jinja"
    style = files("kamerton.experiment.report") / "style.css"
    found, wrong = results.grading, results.grading.answers - results.grading.right
    return environment.from_string(own.read_text("utf-8")).render(
        t=_text,
        language=current(),
        style=Markup(style.read_text("utf-8")),  # ours: no text of a model is in it
        results=results,
        found=found,
        lines=words.lines(found),
        detail=words.detail,
        strips=_strips(results),
        ticks=SHARES.ticks(),
        curve=_curve(results),
        heat=_figure(f"{results.settings['temperature']:g}"),
        classes=[
            (say(f"experiment.maths_class_{kind}"), count, percent(count / wrong), kind)
            for kind, count in found.classes.items()
            if count
        ],
        percent=percent,
    )


def _curve(results: Results) -> Curve | None:
    """None too where votes ended early: which answers there are then depends on what they say."""
    vote = results.grading.vote
    if vote is None or len(vote.curve) < 2 or results.settings["early"]:
        return None
    return curve(vote.curve)


def _strips(results: Results) -> list[tuple[str, str, Strip]]:
    """Name, figure and drawing of each accuracy with an interval."""
    found = results.grading
    rows = [("ask_one", found.accuracy)]
    if found.vote and results.settings["early"]:
        rows = [("ask_vote", found.vote.accuracy)]
    elif found.vote:
        rows += [("ask_vote", found.vote.accuracy), ("ask_vote_samples", found.vote.with_samples)]
    return [
        (_text(name), _text("ask_interval", **_shares(one)), strip(one, SHARES))
        for name, one in rows
    ]


def _shares(interval: object) -> dict[str, str]:
    return {name: percent(getattr(interval, name)) for name in ("mean", "low", "high")}


def curve(shares: list[float]) -> Curve:
    """The drawing of the accuracy of a vote of 1, 2, … samples."""
    top = max([*shares, 0.01])
    values = round_values(0.0, top * 1.1)
    high = max(values[-1], top * 1.05)
    across, up = Scale(1.0, float(len(shares))), Scale(0.0, high)
    inner_x, inner_y = (_WIDTH - _LEFT) / 100, (_HEIGHT - _LOW) / 100

    def x(n: float) -> float:
        return round(_LEFT + inner_x * across.at(n), 1)

    def y(share: float) -> float:
        return round(inner_y * (100 - up.at(share)), 1)

    every = max(1, len(shares) // 10)
    counts = [n for n in range(1, len(shares) + 1) if n == 1 or n % every == 0]
    return Curve(
        _WIDTH,
        _HEIGHT,
        tuple((x(n), y(share), f"{n}: {percent(share)} %") for n, share in enumerate(shares, 1)),
        tuple((x(n), str(n)) for n in counts),
        tuple((y(value), percent(value, 0 if high > 0.05 else 1)) for value in values),
    )


def percent(share: float, digits: int = 1) -> str:
    """A share as a figure in per cent, with the decimal sign of the language in force."""
    return _figure(f"{100 * share:.{digits}f}")


def _figure(told: str) -> str:
    return told.replace(".", ",") if current() == "ru" else told


def _text(key: str, /, **values: object) -> str:
    return say(f"experiment.{key}", **values)

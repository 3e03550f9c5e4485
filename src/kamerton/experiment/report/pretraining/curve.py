"""Curves over the steps of a training as inline SVG, in per cent of the drawing."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kamerton.experiment.report import plot

Points = Sequence[tuple[float, float]]
_MOST = 300


@dataclass(frozen=True)
class Line:
    """One line through points, in per cent from the left and from the top."""

    name: str
    kind: str
    """A CSS class."""
    points: str
    """As a polyline of a drawing of 100 by 100 has them."""
    dots: tuple[tuple[float, float], ...] = ()
    """The points once more, where there are few enough to be seen as dots."""


@dataclass(frozen=True)
class Curve:
    """Lines on common scales."""

    lines: list[Line]
    across: list[tuple[float, str]]
    """Places from the left, and steps."""
    up: list[tuple[float, str]]
    """Places from the top, and values."""


def curve(series: Sequence[tuple[str, str, Points]], ratios: bool = False) -> Curve | None:
    """The drawing of several series of (step, value), each with its name and CSS class.

    `ratios`: equal ratios are equally high (a logarithmic scale); values must be above 0 then.
    A series of many points is thinned to means of neighbours. None where nothing can be drawn.
    """
    known = [point for _, _, points in series for point in points]
    if not known:
        return None
    last = max(step for step, _ in known) or 1.0
    height, marks = _scale([value for _, value in known], ratios)
    lines = [
        _line(name, kind, [(100 * x / last, height(y)) for x, y in thin])
        for name, kind, points in series
        if (thin := _thinned(points))
    ]
    across = [(round(100 * x / last, 2), plot.number(x)) for x in plot.round_values(0, last)]
    return Curve(lines, across, [(round(height(y), 2), plot.number(y)) for y in marks])


def _scale(values: Sequence[float], ratios: bool) -> tuple[Callable[[float], float], list[float]]:
    """Value to its place from the top, a little air at both ends, and the values to mark."""
    of: Callable[[float], float] = math.log if ratios else float
    low, high = of(min(values)), of(max(values))
    air = 0.06 * (high - low) or 0.1
    low, high = low - air, high + air
    back = math.exp if ratios else float
    least, most = back(low), back(high)
    marks = plot.round_values(least, most, 5)
    if ratios and most / least > 4:
        decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)))
        marks = [m * 10.0**k for k in decades for m in (1, 2, 3, 5) if least <= m * 10.0**k <= most]
    return lambda value: 100 * (high - of(value)) / (high - low), marks


def _line(name: str, kind: str, places: Points) -> Line:
    rounded = tuple((round(x, 2), round(y, 2)) for x, y in places)
    text = " ".join(f"{x:g},{y:g}" for x, y in rounded)
    return Line(name, kind, text, rounded if len(rounded) <= 40 else ())


def _thinned(points: Points) -> list[tuple[float, float]]:
    """At most `_MOST` points: means of as many neighbours as it takes."""
    ordered = sorted(points)
    each = -(-len(ordered) // _MOST) or 1
    chunks = [ordered[start : start + each] for start in range(0, len(ordered), each)]
    return [
        (sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk))
        for chunk in chunks
    ]

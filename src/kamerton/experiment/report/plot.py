"""Intervals, curves and dots as places in per cent of a drawing: crisp inline SVG at any width."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kamerton.formats.scores import Interval

Points = Sequence[tuple[float, float]]
_MOST_POINTS, _MOST_MARKED, _MOST_DOTS = 300, 40, 600


@dataclass(frozen=True)
class Scale:
    """A scale that maps values to per cent of the width, a little air at both ends."""

    low: float
    high: float
    marks: tuple[tuple[float, str], ...] = ()
    """Values with their labels; without them, shares in per cent or differences in points."""

    def at(self, value: float) -> float:
        """Place of a value; beyond the scale it stays at its end."""
        inside = min(max(value, self.low), self.high)
        return round(2 + 96 * (inside - self.low) / (self.high - self.low), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels of the marks."""
        if self.marks:
            return [(self.at(value), label) for value, label in self.marks]
        span = self.high - self.low
        step = 0.25 if span <= 1 else 0.5
        values = [self.low + step * i for i in range(round(span / step) + 1)]
        return [(self.at(v), number(round(100 * v), signed=self.low < 0)) for v in values]


SHARES = Scale(0.0, 1.0)


@dataclass(frozen=True)
class Line:
    """One line through points, in per cent from the left and from the top."""

    name: str
    kind: str
    """A CSS class."""
    points: str
    """As a polyline of a drawing of 100 by 100 has them."""
    dots: tuple[tuple[float, float, str], ...] = ()
    """The points once more with a label each, where there are few enough to be seen as dots."""


@dataclass(frozen=True)
class Curve:
    """Lines on common scales."""

    lines: list[Line]
    across: list[tuple[float, str]]
    """Places from the left, and steps."""
    up: list[tuple[float, str]]
    """Places from the top, and values."""


@dataclass(frozen=True)
class Scatter:
    """Pairs of values on one scale for both sides, in per cent."""

    dots: list[tuple[float, float, str]]
    """Place from the left, place from the top, `better`, `worse` or `same`."""
    scale: Scale
    left_out: int
    """Pairs that are not drawn, for there are too many."""


def differences(intervals: Sequence[Interval]) -> Scale:
    """A scale around zero wide enough for all intervals."""
    widest = max((abs(v) for i in intervals for v in (i.low, i.high)), default=1.0)
    half = 0.25 if widest <= 0.25 else 0.5 if widest <= 0.5 else 1.0
    return Scale(-half, half)


def around_zero(intervals: Sequence[Interval], margin: float) -> Scale:
    """A scale around zero, in the unit of the values, that holds all intervals and the margin."""
    widest = max(abs(v) for i in intervals for v in (i.low, i.high, margin))
    marks = [value for value in round_values(-widest, widest) if abs(value) <= widest]
    return Scale(-widest, widest, tuple((value, number(value, True)) for value in marks))


def from_zero(highest: float) -> Scale:
    """A scale from 0 to a little above the highest value."""
    high = highest * 1.05 or 1.0
    return Scale(0.0, high, tuple((value, number(value)) for value in round_values(0.0, high)))


def scatter(pairs: Sequence[tuple[float, float]]) -> Scatter:
    """Every pair (before, after) as a dot; below the diagonal it fell. Many are thinned evenly."""
    drawn = pairs[:: math.ceil(len(pairs) / _MOST_DOTS)]
    scale = from_zero(max(max(pair) for pair in pairs))
    dots = [
        (
            scale.at(before),
            round(100 - scale.at(after), 2),
            "better" if after < before else "worse" if after > before else "same",
        )
        for before, after in drawn
    ]
    return Scatter(dots, scale, len(pairs) - len(drawn))


def curve(
    series: Sequence[tuple[str, str, Points]],
    ratios: bool = False,
    least: float | None = None,
    label: Callable[[float, float], str] | None = None,
) -> Curve | None:
    """The drawing of several series of (step, value), each with its name and CSS class.

    `ratios`: equal ratios are equally high (a logarithmic scale); values must be above 0 then.
    `least`: a value at which the scale begins. `label`: what is said of each point. A series of
    many points is thinned to means of neighbours. None where nothing can be drawn.
    """
    points = [point for _, _, of in series for point in of]
    if not points:
        return None
    last = max(step for step, _ in points) or 1.0
    height, marks = _scale([value for _, value in points], ratios, least)
    lines = [
        _line(name, kind, of, lambda x, y: (round(100 * x / last, 2), round(height(y), 2)), label)
        for name, kind, of in series
        if of
    ]
    across = [(round(100 * x / last, 2), number(x)) for x in round_values(0, last)]
    return Curve(lines, across, [(round(height(y), 2), number(y)) for y in marks])


def _scale(
    values: Sequence[float], ratios: bool, least: float | None
) -> tuple[Callable[[float], float], list[float]]:
    """Value to its place from the top, a little air at both ends, and the values to mark."""
    of: Callable[[float], float] = math.log if ratios else float
    back: Callable[[float], float] = math.exp if ratios else float
    low, high = of(min(values) if least is None else least), of(max(values))
    air = 0.06 * (high - low) or 0.1
    low, high = low if least is not None else low - air, high + air
    lowest, highest = back(low), back(high)
    marks = round_values(lowest, highest, 5)
    if ratios and highest / lowest > 4:
        decades = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)))
        every = [m * 10.0**k for k in decades for m in (1, 2, 3, 5)]
        marks = [value for value in every if lowest <= value <= highest]
    return lambda value: 100 * (high - of(value)) / (high - low), marks


def _line(
    name: str,
    kind: str,
    points: Points,
    place: Callable[[float, float], tuple[float, float]],
    label: Callable[[float, float], str] | None,
) -> Line:
    """At most `_MOST_POINTS` points: means of as many neighbours as it takes."""
    ordered = sorted(points)
    each = -(-len(ordered) // _MOST_POINTS)
    chunks = [ordered[start : start + each] for start in range(0, len(ordered), each)]
    means = [
        (sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk))
        for chunk in chunks
    ]
    text = " ".join(f"{x:g},{y:g}" for x, y in (place(*mean) for mean in means))
    marked = means if len(means) <= _MOST_MARKED else []
    return Line(
        name, kind, text, tuple((*place(*mean), label(*mean) if label else "") for mean in marked)
    )


def round_values(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round values from `low` to `high`: 1, 2 or 5 times a power of ten apart."""
    span = (high - low) or abs(high) or 1.0
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float, signed: bool = False) -> str:
    """A figure as short as it is clear, with a true minus sign."""
    text = f"{value:+g}" if signed and value else f"{value:g}"
    return text.replace("-", "\u2212")

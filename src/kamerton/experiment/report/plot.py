"""Interval plots as inline SVG in percent of the width: crisp, small, and as wide as the page."""

import math
from dataclasses import dataclass

from kamerton.formats.scores import Interval


@dataclass(frozen=True)
class Strip:
    """One line with a dot, placed in per cent of the drawing's width."""

    low: float
    mid: float
    high: float
    zero: float | None = None
    """Where a difference of zero lies; None on a scale of shares."""
    band: tuple[float, float] | None = None
    """Left end and width of the band of differences of no importance."""


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
        count = round(span / step)
        values = [self.low + step * i for i in range(count + 1)]
        signed = self.low < 0
        return [(self.at(v), _label(v, signed)) for v in values]


SHARES = Scale(0.0, 1.0)


def differences(intervals: list[Interval]) -> Scale:
    """A scale around zero wide enough for all intervals."""
    widest = max((abs(v) for i in intervals for v in (i.low, i.high)), default=1.0)
    half = 0.25 if widest <= 0.25 else 0.5 if widest <= 0.5 else 1.0
    return Scale(-half, half)


def strip(interval: Interval, scale: Scale, margin: float | None = None) -> Strip:
    """The drawing of one interval; with `margin` it shows zero and the band around it."""
    low, mid, high = scale.at(interval.low), scale.at(interval.mean), scale.at(interval.high)
    if margin is None:
        return Strip(low, mid, high)
    left = scale.at(-margin)
    band = (left, round(scale.at(margin) - left, 2))
    return Strip(low, mid, high, zero=scale.at(0), band=band)


def around_zero(intervals: list[Interval], margin: float) -> Scale:
    """A scale around zero, in the unit of the values, that holds all intervals and the margin."""
    widest = max(abs(v) for i in intervals for v in (i.low, i.high, margin))
    marks = [value for value in round_values(-widest, widest) if abs(value) <= widest]
    return Scale(-widest, widest, tuple((value, number(value, True)) for value in marks))


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


def _label(value: float, signed: bool) -> str:
    whole = round(100 * value)
    return "0" if whole == 0 else (f"{whole:+d}" if signed else str(whole)).replace("-", "\u2212")

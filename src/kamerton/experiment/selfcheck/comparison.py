"""One known truth beside what this program finds, and the ways to compare the two."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kamerton.experiment.scorers import Scored
from kamerton.experiment.tasks.task import DATA

Status = Literal["ok", "miss", "skipped"]


@dataclass(frozen=True)
class Comparison:
    """One known truth beside what this program finds."""

    what: str
    """A key of `experiment.selfcheck_…`, without that."""
    found: str
    expected: str
    status: Status
    source: str
    """Where the truth is from: a paper, a library with its version, or arithmetic."""
    detail: str = ""
    """Which item is off, or what a reader should know of the figure."""


@dataclass(frozen=True)
class Setting:
    """How to check."""

    data: Path | None
    """Folder of the published sets; None: what needs one is skipped, and says so."""
    everything: bool = False
    """The long checks too: all of HumanEval+, large simulations."""


Tell = Callable[[int], object]
"""Takes how many units of work are done; for the progress line."""
Checker = Callable[[Setting, Tell], Iterator[Comparison]]


def folder(given: Path | None) -> Path | None:
    """The folder of the published sets: as given, else the one that the environment names."""
    named = os.environ.get(DATA)
    return given or (Path(named) if named else None)


def close(
    what: str, found: float, expected: float, tolerance: float, source: str, digits: int = 6
) -> Comparison:
    """A figure against a known one; a miss where they are further apart than `tolerance`."""
    status: Status = "ok" if abs(found - expected) <= tolerance else "miss"  # a miss for NaN too
    return Comparison(what, f"{found:.{digits}f}", f"{expected:.{digits}f}", status, source)


def small(what: str, distance: float, most: float, source: str) -> Comparison:
    """A distance from the truth that may be `most` at most; a miss for NaN."""
    status: Status = "ok" if distance <= most else "miss"
    return Comparison(what, f"{distance:.1e}", f"<= {most:g}", status, source)


def equal(what: str, found: object, expected: object, source: str, detail: str = "") -> Comparison:
    """A count or a text that must be just so."""
    status: Status = "ok" if found == expected else "miss"
    return Comparison(what, str(found), str(expected), status, source, detail)


def within(
    what: str, found: float, low: float, high: float, source: str, detail: str = ""
) -> Comparison:
    """A rate that must lie between two bounds; both in [0, 1], shown as per cent."""
    status: Status = "ok" if low <= found <= high else "miss"
    wanted = f"{100 * low:.2f}-{100 * high:.2f} %"
    return Comparison(what, f"{100 * found:.2f} %", wanted, status, source, detail)


def skipped(what: str, expected: str, source: str, why: str) -> Comparison:
    """A check that could not be made, and why."""
    return Comparison(what, "-", expected, "skipped", source, why)


def farthest(found: Sequence[float], wanted: Sequence[float]) -> float:
    """The largest distance between two rows of figures of the same length."""
    away = [abs(one - other) for one, other in zip(found, wanted, strict=True)]
    return math.nan if any(map(math.isnan, away)) else max(away)  # max may pass over NaN


def figure(scored: Scored) -> float:
    """The value of all answers; NaN, which meets no bound, where the measure does not apply."""
    return math.nan if scored.corpus is None else scored.corpus


def figures(scored: Scored) -> list[float]:
    """The values of the answers, NaN as in `figure`."""
    return [math.nan if item is None else item for item in scored.items]

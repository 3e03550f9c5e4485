"""Several seeds pooled honestly: questions and seeds are both drawn from more that there could be.

Three trainings that answer the same 200 questions are not 600 independent answers: the questions
are the same, and each seed moves all of its answers together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval
from kamerton.stats.bca import agreed
from kamerton.stats.groups import LEVEL, TINY, by_group

if TYPE_CHECKING:
    from kamerton.stats.groups import Floats


@dataclass(frozen=True)
class Pooled:
    """The mean difference over seeds and questions."""

    effect: Interval
    """Of seeds and groups like these; of these groups and this seed alone where `seeds` is 1."""
    p: float
    seeds: int
    groups: int
    between_seeds: float
    """Standard deviation of a seed's true mean, on the scale of the scores; 0 with one seed,
    for which it is not known."""
    freedom: float
    """Degrees of freedom of the interval, by Satterthwaite."""


def pooled(
    by_seed: Sequence[Sequence[float]],
    groups: Sequence[str],
    bounds: tuple[float, float],
    level: float = LEVEL,
) -> Pooled:
    """Pool paired differences (seeds, questions): every seed answered every question.

    Two-way random effects, seeds crossed with groups, one cell each: the design of many readers
    and many cases in radiology. With mean squares of seeds (A), groups (B) and the rest (E),

        variance of the mean = (A + B - E) / (seeds * groups)

    where a component that comes out negative counts as zero; Student's t with Satterthwaite's
    degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2:110; Hillis 2007, Statistics in
    Medicine 26:596). Groups of unequal size are linearised, as in Miller 2024's clustered error.
    The seeds are not resampled: a bootstrap of three knows a third too little variance (Owen 2007,
    Annals of Applied Statistics 1:386).

    Simulated coverage of the 95 % interval: with three seeds 96 % where they hardly differ, 95 %
    where they differ by a third as much as the groups do, 92 % where as much; with five 94 to 95 %.

    One seed alone: the interval is that of its questions, and says nothing of other seeds.
    Raises ValueError where a seed lacks a question or there are fewer than two groups.
    """
    import numpy as np
    from scipy.stats import t

    cells, mean = _cells(by_seed, groups)
    seeds, units = cells.shape
    squares = _mean_squares(cells)
    variance, freedom = _variance(squares, seeds, units)
    error = float(np.sqrt(variance))
    if error < TINY:
        effect, p = agreed(mean, units, bounds, level), 1.0 if abs(mean) < TINY else 2.0**-units * 2
    else:
        half = float(t.ppf(0.5 + level / 2, freedom)) * error
        low, high = max(bounds[0], mean - half), min(bounds[1], mean + half)
        effect, p = (
            Interval(mean=mean, low=low, high=high),
            float(2 * t.sf(abs(mean) / error, freedom)),
        )
    component = max(0.0, (squares[0] - squares[2]) / units) if seeds > 1 else 0.0
    return Pooled(effect, p, seeds, units, component**0.5, freedom)


def _cells(by_seed: Sequence[Sequence[float]], groups: Sequence[str]) -> "tuple[Floats, float]":
    """Each seed's and group's linearised part in the mean (seeds, groups), and that mean."""
    import numpy as np

    sums = np.stack([by_group(values, groups)[0] for values in by_seed])
    counts = by_group(by_seed[0], groups)[1]
    if sums.shape[1] < 2:
        raise ValueError("at least two groups: one alone shows no spread")
    mean = float(sums.sum() / (counts.sum() * len(sums)))
    return mean + (sums - mean * counts) / float(counts.mean()), mean


def _mean_squares(cells: "Floats") -> tuple[float, float, float]:
    """Mean squares of seeds, groups and what is left; zeros for seeds where there is one."""
    seeds, units = cells.shape
    mean, rows, columns = cells.mean(), cells.mean(axis=1), cells.mean(axis=0)
    of_groups = seeds * float(((columns - mean) ** 2).sum()) / (units - 1)
    if seeds == 1:
        return 0.0, of_groups, 0.0
    of_seeds = units * float(((rows - mean) ** 2).sum()) / (seeds - 1)
    rest = cells - rows[:, None] - columns[None, :] + mean
    return of_seeds, of_groups, float((rest**2).sum()) / ((seeds - 1) * (units - 1))


def _variance(squares: tuple[float, float, float], seeds: int, units: int) -> tuple[float, float]:
    """Variance of the mean and its degrees of freedom; negative components left out."""
    of_seeds, of_groups, rest = squares
    free = (seeds - 1, units - 1, (seeds - 1) * (units - 1))
    if seeds == 1 or of_seeds <= rest:
        used = (
            [(of_groups, 1.0, free[1])]
            if seeds == 1 or of_groups > rest
            else [(rest, 1.0, free[2])]
        )
    elif of_groups <= rest:
        used = [(of_seeds, 1.0, free[0])]
    else:
        used = [(of_seeds, 1.0, free[0]), (of_groups, 1.0, free[1]), (rest, -1.0, free[2])]
    total = sum(sign * square for square, sign, _ in used)
    wobble = sum(square**2 / freedom for square, _, freedom in used)
    return total / (seeds * units), total**2 / wobble if wobble > 0 else float(free[1])

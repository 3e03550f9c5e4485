"""How far raters agree beyond chance: Cohen's kappa of two, Krippendorff's alpha of several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kamerton.formats.scores import Interval
from kamerton.stats.intervals import TINY, chunks, tail, wilson

if TYPE_CHECKING:
    from kamerton.stats.intervals import Floats

Weights = Literal["none", "linear", "quadratic"]
Scale = Literal["nominal", "ordinal", "interval"]
_UNDEFINED = 0.05
"""Past this share of resamples without any spread the interval says nothing."""


@dataclass(frozen=True)
class Agreement:
    """A coefficient of agreement with its 95 % interval."""

    value: Interval | None
    """1 for full agreement, 0 for chance. None where all ratings are the same value, or none can be
    compared: then it is not defined, which is neither good nor bad."""
    agreed: float
    """Share of compared pairs of ratings that are the same, 0 where there are none."""
    units: int
    """Units with at least two ratings; the others say nothing of agreement."""


def kappa(
    one: Sequence[float],
    other: Sequence[float],
    groups: Sequence[str],
    weights: Weights = "quadratic",
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Cohen's kappa of two raters over the same units, weighted (Cohen 1968).

    Values are numbers, as -1, 0, 1; with "none" every difference counts the same. The
    interval draws whole groups.
    """
    import numpy as np

    if len(one) != len(other):
        raise ValueError("both raters rate the same units")
    values = np.unique([*one, *other])
    pairs = np.zeros((len(one), len(values), len(values)))
    places = (np.searchsorted(values, rater) for rater in (one, other))
    pairs[np.arange(len(one)), *places] = 1
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]
    apart = np.abs(values[:, None] - values[None, :]) ** power * ~np.eye(len(values), dtype=bool)

    def coefficient(tables: "Floats") -> "Floats":
        expected = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
        total = tables.sum(axis=(1, 2))
        return _ratio(
            (tables * apart).sum(axis=(1, 2)) * total, (expected * apart).sum(axis=(1, 2))
        )

    return _agreement(pairs, groups, coefficient, resamples, seed)


def alpha(
    ratings: Sequence[Sequence[float | None]],
    groups: Sequence[str],
    scale: Scale = "ordinal",
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Krippendorff's alpha of several raters: `ratings` by unit, None where a rater gave none.

    Coincidences and differences by Krippendorff 2011 ("Computing Krippendorff's
    alpha-reliability"); nominal, ordinal or interval. The interval draws whole groups of units
    with replacement (Zapf et al. 2016, BMC Medical Research Methodology 16:93), its tails widened
    for few groups.
    """
    import numpy as np

    given = [[r for r in unit if r is not None] for unit in ratings]
    if len(given) != len(groups):
        raise ValueError("one group for each unit")
    kept = [place for place, unit in enumerate(given) if len(unit) > 1]
    if not kept:
        return Agreement(None, 0.0, 0)
    values = np.unique([r for place in kept for r in given[place]])
    pairs = np.stack([_coincidences(given[place], values) for place in kept])

    def coefficient(tables: "Floats") -> "Floats":
        margins = tables.sum(axis=2)
        apart = _apart(margins, values, scale)
        expected = margins[:, :, None] * margins[:, None, :]
        left = (tables * apart).sum(axis=(1, 2)) * (margins.sum(axis=1) - 1)
        return _ratio(left, (expected * apart).sum(axis=(1, 2)))

    return _agreement(pairs, [groups[place] for place in kept], coefficient, resamples, seed)


def _coincidences(unit: Sequence[float], values: "Floats") -> "Floats":
    """Pairs of ratings of one unit, each of its m raters in m - 1 pairs, weighing m in all."""
    import numpy as np

    counts = np.array([sum(rating == value for rating in unit) for value in values], dtype=float)
    return (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)


def _apart(margins: "Floats", values: "Floats", scale: Scale) -> "Floats":
    """Squared difference of every two values, (tables or 1, values, values)."""
    import numpy as np

    if scale == "nominal":
        return (~np.eye(len(values), dtype=bool)).astype(float)[None]
    # On an ordinal scale two values are as far apart as there are ratings between them.
    places = margins.cumsum(axis=1) - margins / 2 if scale == "ordinal" else values[None, :]
    return (places[:, :, None] - places[:, None, :]) ** 2


def _ratio(observed: "Floats", expected: "Floats") -> "Floats":
    """1 - observed / expected; NaN, for us alone, where nothing is expected."""
    import numpy as np

    possible = expected > TINY
    return np.where(possible, 1 - observed / np.where(possible, expected, 1.0), np.nan)


def _agreement(
    pairs: "Floats",
    groups: Sequence[str],
    coefficient: "Callable[[Floats], Floats]",
    resamples: int,
    seed: int,
) -> Agreement:
    """The coefficient of all units together, and its interval over groups."""
    import numpy as np

    if len(pairs) != len(groups):
        raise ValueError("one group for each unit")
    if not len(pairs):
        return Agreement(None, 0.0, 0)
    whole = pairs.sum(axis=0)
    agreed = float(np.trace(whole) / whole.sum())
    found = float(coefficient(whole[None])[0])
    if np.isnan(found):
        return Agreement(None, agreed, len(pairs))
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    tables = np.zeros((int(index.max()) + 1, *whole.shape))
    np.add.at(tables, index, pairs)
    if agreed > 1 - TINY:
        return Agreement(_all_agree(whole, len(tables), coefficient), agreed, len(pairs))
    low, high = _ends(tables, coefficient, resamples, seed)
    return Agreement(Interval(mean=found, low=low, high=high), agreed, len(pairs))


def _all_agree(whole: "Floats", groups: int, coefficient: "Callable[[Floats], Floats]") -> Interval:
    """The interval of full agreement: as if Wilson's bound of 0 groups had disagreed at worst."""
    import numpy as np

    share = wilson(0, groups).high
    margins = whole.sum(axis=0)
    first, last = np.flatnonzero(margins > TINY)[[0, -1]]
    worse = (1 - share) * whole
    worse[first, last] += share * whole.sum() / 2
    worse[last, first] += share * whole.sum() / 2
    low = float(coefficient(worse[None])[0])
    return Interval(mean=1.0, low=max(-1.0, low), high=1.0)


def _ends(
    tables: "Floats", coefficient: "Callable[[Floats], Floats]", resamples: int, seed: int
) -> tuple[float, float]:
    import numpy as np

    if len(tables) < 2:
        return -1.0, 1.0
    rng, found = np.random.default_rng(seed), []
    for rows in chunks(resamples, tables.size):
        drawn = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), rows)
        found.append(coefficient(np.tensordot(drawn.astype(float), tables, axes=1)))
    values = np.concatenate(found)
    defined = values[~np.isnan(values)]
    if len(defined) < (1 - _UNDEFINED) * resamples:
        return -1.0, 1.0
    cut = tail(len(tables))
    low, high = np.quantile(defined, [cut, 1 - cut])
    return float(low), float(high)

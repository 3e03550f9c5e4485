"""What a design can show, before the run; and what it would take, after one that showed nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton.stats.intervals import TINY, by_group
from kamerton.stats.significance import holm

_MOST = 10_000_000


@dataclass(frozen=True)
class Needed:
    """How many more groups and questions a verdict would take."""

    verdict: Literal["direction", "equivalent"]
    groups: int
    """More groups than there are; 0 where this many would do on average."""
    questions: int
    """Questions in them, at as many to a group as now."""


def detectable(
    groups: int,
    per_group: float,
    alpha: float = 0.05,
    power: float = 0.8,
    discordance: float = 0.5,
    correlation: float = 0.2,
) -> float:
    """Smallest true difference of two shares that the paired, clustered design finds.

    For `groups` (G) groups of `per_group` (m) questions, before anything is asked:

        k = (t[1 - alpha/2, G - 1] + t[power, G - 1]) * sqrt((1 + (m - 1) * rho) / (G * m))
        d = k * sqrt(psi - d ** 2), so d = k * sqrt(psi / (1 + k ** 2))

    `psi - d ** 2` is the variance of a paired difference of right and wrong (Connor 1987,
    Biometrics 43:207); `1 + (m - 1) * rho` is Kish's design effect (Donner and Klar 2000);
    t for the few groups. Assumed: psi (`discordance`), the share of questions that only one of the
    arms gets right, and rho (`correlation`) of the differences within a group. psi cannot be less
    than d, which matters for tiny designs. 1.0 means that the design can show nothing: of
    so few groups that their smallest p (`smallest_p`) is above `alpha` no difference is ever called
    proved.
    """
    from scipy.stats import t

    if groups < 2 or smallest_p(groups) > alpha:
        return 1.0
    quantiles = float(t.ppf(1 - alpha / 2, groups - 1) + t.ppf(power, groups - 1))
    squared = quantiles**2 * (1 + (per_group - 1) * correlation) / (groups * per_group)
    share = squared / (1 + squared)
    return max(float((share * discordance) ** 0.5), share)


def detectable_by_spread(
    differences: Sequence[float],
    groups: Sequence[str],
    alpha: float,
    widest: float,
    power: float = 0.8,
) -> float:
    """Smallest true mean difference that is found in `power` of all runs, in the scores' unit.

    (t[1 - alpha/2, G - 1] + t[power, G - 1]) * se, with the cluster-robust standard error of the
    mean over G groups (Miller 2024, arXiv 2411.00640, with G / (G - 1)): the spread is the one
    that was found, the effect is not used. Where the groups are too few to show any difference
    (`smallest_p`): `widest`, the largest one that is possible.
    """
    import numpy as np
    from scipy.stats import t

    sums, counts = by_group(differences, groups)
    clusters, items = len(sums), len(differences)
    if clusters < 2 or smallest_p(clusters) > alpha:
        return widest
    residuals = sums - counts * (sums.sum() / items)
    error = float(np.sqrt(clusters / (clusters - 1) * np.sum(residuals**2)) / items)
    return float(t.ppf(1 - alpha / 2, clusters - 1) + t.ppf(power, clusters - 1)) * error


def smallest_p(groups: int) -> float:
    """Smallest two-sided p that the sign-flip test over so many groups can give.

    All groups on one side, and all on the other: 2 of the 2 ** G sign patterns.
    """
    return 2.0 ** (1 - groups)


def groups_needed(groups: Sequence[int], alpha: float) -> list[int]:
    """Of each hypothesis of a family, how many groups it lacks to show any difference; 0: none.

    `groups` are those that each has. Even with the smallest p of all, Holm's correction over the
    family may leave one above `alpha`: then the figure is the number of groups at which its
    smallest p is at most alpha divided by the size of the family, whatever the others give.
    """
    if not groups:
        return []
    fewest = next(n for n in range(1, _MOST) if smallest_p(n) <= alpha / len(groups))
    return [fewest if p > alpha else 0 for p in holm([smallest_p(n) for n in groups])]


def needed(
    differences: Sequence[float],
    groups: Sequence[str],
    margin: float,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Needed | None:
    """How many more groups (and questions) a verdict would probably take.

    As if the observed effect and spread between groups were the true ones: a direction where the
    effect is beyond `margin`, else equivalence within it; the nearer of the two where both can be.
    With s the linearised spread of the groups' share in the mean, the G groups must make

        |d| >= (t[1 - alpha/2] + t[power]) * s / sqrt(G)              for a direction
        margin - |d| >= (t[1 - alpha/2] + t[power']) * s / sqrt(G)    for equivalence

    (`stats.verdict` takes a 95 % interval for both; power' is (1 + power) / 2 as both sides can
    fail when d is about 0; Julious 2004, Statistics in Medicine 23:1921). It is a plan, no
    promise: the observed effect is uncertain itself. Ask the new questions as a test of their own:
    to add some and look again at the same alpha claims too much.

    None where nothing can be planned: fewer than two groups, or none that differ.
    """
    sums, counts = by_group(differences, groups)
    here = len(sums)
    effect = abs(float(sums.sum() / counts.sum()))
    if here < 2:
        return None
    per_group = float(counts.mean())
    residuals = (sums - sums.sum() / counts.sum() * counts) / per_group
    spread = float((residuals**2).sum() / (here - 1)) ** 0.5
    if spread < TINY:
        return None
    direction = _fewest(effect, spread, alpha, power)
    same = _fewest(margin - effect, spread, alpha, (1 + power) / 2)
    kind: Literal["direction", "equivalent"] = "direction" if direction <= same else "equivalent"
    total = min(direction, same)
    if total >= _MOST:
        return None
    more = max(0, total - here)
    return Needed(kind, more, math.ceil(more * per_group))


def _fewest(room: float, spread: float, alpha: float, power: float) -> int:
    """Fewest groups for which the interval fits into `room`; _MOST where none do."""
    from scipy.stats import t

    if room <= TINY:
        return _MOST
    low, high = 2, _MOST
    while low < high:
        middle = (low + high) // 2
        wanted = t.ppf(1 - alpha / 2, middle - 1) + t.ppf(power, middle - 1)
        fits = wanted * spread / middle**0.5 <= room
        low, high = (low, middle) if fits else (middle + 1, high)
    return low

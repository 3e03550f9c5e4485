"""Self-consistency (Wang et al. 2022): many sampled answers to a question vote for one.

Votes are numbers, so 18 and 18.00 agree. An answer that could not be read abstains. Where several
numbers have most votes, the score is the expected accuracy of a fair draw among them: 1 / (number
of tied) if the true answer is one of them, else 0. So the order of the samples never matters.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING

from kamerton.formats.scores import Interval

if TYPE_CHECKING:
    from numpy import float64
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[float64]

EXACT = 128
"""Up to so many samples of a question, subsets are counted exactly; else DRAWS are drawn."""
DRAWS = 2000


@dataclass(frozen=True)
class Vote:
    """How the samples of one question voted."""

    leaders: tuple[Fraction, ...]
    """The numbers with most votes, the first seen first; none where all abstained."""
    votes: int
    """How many votes each leader has."""
    abstained: int
    total: int

    @property
    def tied(self) -> bool:
        """Whether several numbers lead."""
        return len(self.leaders) > 1

    def score(self, gold: Fraction) -> float:
        """Expected accuracy of a fair draw among the leaders, in [0, 1]."""
        return 1 / len(self.leaders) if gold in self.leaders else 0.0


def vote(values: Sequence[Fraction | None]) -> Vote:
    """Count the votes of one question; None abstains."""
    counts = Counter(value for value in values if value is not None)
    most = max(counts.values(), default=0)
    leaders = tuple(value for value, count in counts.items() if count == most)
    return Vote(leaders, most, len(values) - counts.total(), len(values))


def decided(values: Sequence[Fraction | None], remaining: int) -> bool:
    """Whether no further `remaining` samples can change the leaders.

    True exactly if one number leads by more votes than are left, or none are left: fewer would
    allow a tie, and a number not seen yet has 0 votes.
    """
    return remaining == 0 or _lead(values) > remaining


def least(values: Sequence[Fraction | None], remaining: int) -> int:
    """The fewest samples more, of `remaining`, after which a vote could be decided; 0: it is.

    >>> least([], 5), least([Fraction(1), Fraction(1)], 3)
    (3, 1)
    """
    # All of them to the leader: its lead and they must be more than what is left behind them.
    return 0 if decided(values, remaining) else min(remaining, (remaining - _lead(values)) // 2 + 1)


def _lead(values: Sequence[Fraction | None]) -> int:
    """By how many votes the first number leads."""
    counts = Counter(value for value in values if value is not None).most_common(2)
    first, second = ([count for _, count in counts] + [0, 0])[:2]
    return first - second


def needed(values: Sequence[Fraction | None]) -> int:
    """How many of the samples, in their order, had to be drawn until the vote was decided."""
    for asked in range(len(values)):
        if decided(values[:asked], len(values) - asked):
            return asked
    return len(values)


def expected(values: Sequence[Fraction | None], gold: Fraction, n: int, seed: int = 0) -> float:
    """Expected score of a vote of `n` of these samples, over all subsets: unbiased.

    Exact by counting (multivariate hypergeometric) up to 128 samples; beyond, the mean of 2,000
    drawn subsets with the seed. ValueError if there are fewer than `n` samples, or `n` < 1.
    """
    if not 1 <= n <= len(values):
        raise ValueError(f"a vote of {n} of {len(values)} samples")
    if len(values) > EXACT:
        return drawn(values, gold, n, seed=seed)
    counts = Counter(value for value in values if value is not None)
    of_gold = counts.pop(gold, 0)
    abstained = len(values) - of_gold - counts.total()
    return _counted(of_gold, tuple(sorted(counts.values())), abstained)[n - 1]


@lru_cache(maxsize=100_000)
def _counted(of_gold: int, others: tuple[int, ...], abstained: int) -> tuple[float, ...]:
    """Expected scores of votes of 1, 2, … all samples, by the counts of the answers.

    For each number k of votes of the true answer, `ways[s, t]` counts the choices of the other
    samples that take s of them with t answers tied at k and none above.
    """
    import numpy as np

    total = of_gold + sum(others) + abstained
    scores = np.zeros(total + 1)
    for k in range(1, of_gold + 1):
        ways = np.zeros((total + 1, total // k + 1))
        ways[: abstained + 1, 0] = [comb(abstained, taken) for taken in range(abstained + 1)]
        for count in others:
            ways = _with_answer(ways, count, k)
        shares = ways @ (1 / np.arange(1, ways.shape[1] + 1))
        scores[k:] += comb(of_gold, k) * shares[: total + 1 - k]
    return tuple(float(scores[n]) / comb(total, n) for n in range(1, total + 1))


def _with_answer(ways: "Floats", count: int, k: int) -> "Floats":
    """The choices with one more answer of `count` samples, at most k of them taken."""
    import numpy as np

    more = np.zeros_like(ways)
    for taken in range(min(count, k - 1) + 1):
        more[taken:] += comb(count, taken) * ways[: len(ways) - taken]
    if count >= k:
        more[k:, 1:] += comb(count, k) * ways[: len(ways) - k, :-1]
    return more


def drawn(
    values: Sequence[Fraction | None], gold: Fraction, n: int, draws: int = DRAWS, seed: int = 0
) -> float:
    """The same as `expected`, from `draws` subsets drawn without replacement."""
    import random

    rng = random.Random(seed)
    return sum(vote(rng.sample(values, n)).score(gold) for _ in range(draws)) / draws


def curve(
    samples: Sequence[Sequence[Fraction | None]], golds: Sequence[Fraction], seed: int = 0
) -> list[float]:
    """Accuracy of a vote of n samples, n = 1, 2, … up to the fewest that any question has."""
    most = min((len(values) for values in samples), default=0)
    return [
        sum(expected(v, gold, n, seed) for v, gold in zip(samples, golds, strict=True)) / len(golds)
        for n in range(1, most + 1)
    ]


def resampled(
    samples: Sequence[Sequence[Fraction | None]],
    golds: Sequence[Fraction],
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Vote accuracy with a 95 % interval over questions and over the sample sets as well.

    Each resample draws questions with replacement, and for each of them its samples with
    replacement. Drawing samples again makes votes less certain than they were (ties and minority
    answers win more often), which moves the mean; the percentiles are moved back by that bias, so
    that they lie around the accuracy that was found.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    observed = np.array([vote(v).score(gold) for v, gold in zip(samples, golds, strict=True)])
    scores = np.stack(
        [_votes_again(v, gold, resamples, rng) for v, gold in zip(samples, golds, strict=True)]
    )
    drawn_questions = rng.integers(0, len(observed), (resamples, len(observed)))
    means = scores[drawn_questions, np.arange(resamples)[:, None]].mean(axis=1)
    mean = float(observed.mean())
    low, high = np.quantile(means, [0.025, 0.975]) + mean - float(scores.mean())
    return Interval(mean=mean, low=max(0.0, float(low)), high=min(1.0, float(high)))


def _votes_again(
    values: Sequence[Fraction | None], gold: Fraction, resamples: int, rng: "Generator"
) -> "Floats":
    """Scores of votes of samples drawn with replacement, one for each resample."""
    import numpy as np

    counts = Counter(values)
    of = [counts.pop(gold, 0), counts.pop(None, 0), *counts.values()]
    shares = np.array(of) / len(values)
    votes = rng.multinomial(len(values), shares, resamples)
    numbers = np.delete(votes, 1, axis=1)
    leads = numbers == numbers.max(axis=1, keepdims=True)
    right = leads[:, 0] & (numbers[:, 0] > 0)
    return np.where(right, 1 / leads.sum(axis=1), 0.0)

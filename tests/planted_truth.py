"""Planted truth: a tuned model that is the base with so many points added, and what is said of it.

Of each question one of the arms alone gets it right with the chance `discordance`: the tuned one in
(discordance + gain) / 2 of all questions, the base in the rest. Two questions of one exhibit have
the correlation `correlation` in who wins. Where the arms agree, they are right with a chance that
varies by exhibit and by question. So the tuned model is right on exactly
`gain` more than the base in the long run, and the verdicts of `experiment.compare.comparisons`
(the compare stage, `kamerton compare`, the report) and of `experiment.gate` can be held against it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from kamerton import stats
from kamerton.experiment.compare import claims, comparisons
from kamerton.experiment.design import Design
from kamerton.experiment.finished import Finished
from kamerton.experiment.gate import gate
from kamerton.experiment.settings import ExperimentSettings, GateSettings, Hypothesis
from kamerton.formats.scores import Comparison, Sample, Summary

ARM, BASE = "tuned", "base"
SETTINGS = ExperimentSettings(resamples=499)
RULE = GateSettings(safety=False)
TOLERANCE = 0.05
"""What a share of "better" may differ from the predicted power, beside the luck of the simulation:
the prediction takes Student's t for a permutation test that must agree with an interval."""
PLANTED = Hypothesis(name="tuning", arm=ARM, against=BASE, held_out="known")
Right = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """A test set, and how its differences are spread."""

    groups: int
    each: int
    """Questions on one exhibit."""
    discordance: float = 0.5
    correlation: float = 0.2

    @cached_property
    def names(self) -> list[str]:
        """The exhibit of each question."""
        return [str(group) for group in range(self.groups) for _ in range(self.each)]

    @property
    def design(self) -> Design:
        """What the comparison is told of the spread; the defaults are those of every run."""
        spread = {"discordance": self.discordance, "correlation": self.correlation}
        return Design(SETTINGS.primary, (), SETTINGS.alpha, **spread)

    def detectable(self, power: float = 0.8) -> float:
        """The smallest gain that is found in `power` of all runs, as the design tells it."""
        return stats.detectable(
            self.groups,
            self.each,
            SETTINGS.alpha,
            power,
            discordance=self.discordance,
            correlation=self.correlation,
        )

    def predicted(self, gain: float) -> float:
        """Share of runs that find `gain`: the power for which the design tells just this gain."""
        half, most = SETTINGS.alpha / 2, 1 - 1e-9
        if gain <= self.detectable(half):
            return half
        if gain >= self.detectable(most):
            return 1.0
        return float(brentq(lambda power: self.detectable(power) - gain, half, most))


@dataclass(frozen=True)
class Rates:
    """How often each verdict was given in so many simulated comparisons."""

    trials: int
    verdicts: Counter[str] = field(default_factory=Counter)

    def share(self, *verdicts: str) -> float:
        """Share of the trials with one of these verdicts."""
        return sum(self.verdicts[one] for one in verdicts) / self.trials


def drawn(plan: Plan, gain: float, rng: np.random.Generator) -> tuple[Right, Right]:
    """Which questions the tuned model and the base get right, (questions,) each."""
    count = plan.groups * plan.each
    shares = [(plan.discordance + s * gain) / 2 for s in (1, -1)] + [1 - plan.discordance]
    own = rng.choice((1, -1, 0), count, p=shares)
    shared = np.repeat(rng.choice((1, -1, 0), plan.groups, p=shares), plan.each)
    # Two questions of an exhibit both take its draw with the chance `correlation`.
    wins = np.where(rng.random(count) < plan.correlation**0.5, shared, own)
    ease = (np.repeat(rng.beta(2, 2, plan.groups), plan.each) + rng.random(count)) / 2
    both = rng.random(count) < ease
    return np.where(wins == 0, both, wins == 1), np.where(wins == 0, both, wins == -1)


def samples(plan: Plan, arm: str, right: Right) -> list[Sample]:
    """One arm's answers, as the compare stage has scored them."""
    return [_sample(arm, str(n), plan.names[n], float(ok)) for n, ok in enumerate(right)]


@cache
def _sample(arm: str, number: str, group: str, score: float) -> Sample:
    return Sample(
        arm=arm,
        question_id=number,
        held_out="known",
        group=group,
        question=number,
        reference="",
        answer="",
        finish_reason="stop",
        prompt_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        scores={SETTINGS.primary: score},
    )


def compared(plan: Plan, right: tuple[Right, Right], seed: int) -> Comparison:
    """What the compare stage says of the tuned model against the base."""
    given = samples(plan, ARM, right[0]) + samples(plan, BASE, right[1])
    claim = claims(SETTINGS, [PLANTED], ARM)[:1]
    (found,) = comparisons(given, claim, SETTINGS, plan.design, seed, True)
    return found


def finished(plan: Plan, right: tuple[Right, Right], seed: int) -> tuple[Finished, Finished]:
    """The same as two arms of a finished run, as `kamerton compare` and `kamerton gate` read it."""
    given = samples(plan, ARM, right[0]) + samples(plan, BASE, right[1])
    told = Summary(claims_verdict=True, comparisons=[], cells=[], arms=[BASE, ARM], seed=seed)
    tuned, base = (Finished(name, name, given, told, SETTINGS, seed) for name in (ARM, BASE))
    return tuned, base


def opened(plan: Plan, right: tuple[Right, Right], seed: int) -> str:
    """Whether the gate lets the tuned model take the base's place: `passed` or `closed`."""
    return "passed" if gate(*finished(plan, right, seed), RULE).passed else "closed"


def rates(plan: Plan, gain: float, trials: int, seed: int) -> Rates:
    """The verdicts on so many test sets, each with models of its own."""
    return _counted(plan, gain, trials, seed, lambda *given: compared(*given).verdict)


def gate_rates(plan: Plan, gain: float, trials: int, seed: int) -> Rates:
    """The same of the regression gate."""
    return _counted(plan, gain, trials, seed, opened)


def _counted(
    plan: Plan,
    gain: float,
    trials: int,
    seed: int,
    say: Callable[[Plan, tuple[Right, Right], int], str],
) -> Rates:
    rng = np.random.default_rng(seed)
    return Rates(trials, Counter(say(plan, drawn(plan, gain, rng), n) for n in range(trials)))


def luck(rate: float, trials: int) -> float:
    """Three standard errors of a simulated share whose truth is `rate`."""
    return 3 * (rate * (1 - rate) / trials) ** 0.5

"""The regression gate: whether an arm is no worse than another one, by a rule declared before.

Every check is a test of non-inferiority on paired answers. The gate opens where all of them hold;
as each must hold, each is held to the whole alpha (intersection-union test: Berger 1982,
Technometrics 24:295). Not having seen a loss opens nothing: a loss must be ruled out.
"""

import math
from dataclasses import dataclass
from typing import Literal

from kamerton import stats
from kamerton.experiment.compare import matched, paired
from kamerton.experiment.finished import Finished, insist_same_questions, why_no_claim
from kamerton.experiment.measures import WIDEST
from kamerton.experiment.report.words import reason
from kamerton.experiment.settings import GateSettings
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

SAFETY: Literal["safety"] = "safety"


@dataclass(frozen=True)
class Check:
    """One criterion on one held-out set."""

    criterion: str
    held_out: str
    claim: stats.Claim
    questions: int
    groups: int
    nats: bool

    @property
    def state(self) -> Literal["holds", "worse", "open"]:
        """`worse`: a loss beyond the margin is proved; `open`: it is not ruled out."""
        if self.claim.holds:
            return "holds"
        return "worse" if self.claim.effect.high < -self.claim.margin else "open"

    @property
    def least_groups(self) -> int:
        """Groups that it would take at least, were there no difference at all (Wilson's bound)."""
        from scipy.stats import norm

        share = self.claim.margin / (WIDEST if self.nats else 1)
        squared = float(norm.ppf(1 - self.claim.alpha)) ** 2
        return math.floor(squared * (1 - share) / share) + 1


@dataclass(frozen=True)
class Gate:
    """All checks, and whether the run passes."""

    arm: str
    against: str
    why: str
    """Code of the reason why no verdict may be claimed at all; empty where one may."""
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return not self.why and all(check.claim.holds for check in self.checks)


def gate(run: Finished, other: Finished, rule: GateSettings) -> Gate:
    """Hold `run` against `other`, which may be another arm of the same run.

    InputError where they were asked different questions, or the rule names what nobody was asked.
    """
    insist_same_questions(run, other)
    criterion = rule.criterion or run.primary
    nats = run.nats is not None and criterion == run.nats.criterion
    margin = rule.margin or (run.settings.loss_margin if nats else run.settings.margin)
    places = [(criterion, held_out, margin) for held_out in rule.held_out or run.primary_sets]
    if rule.safety:
        places.append((SAFETY, SAFETY, rule.safety_margin))
    checks = [_check(run, other, *place, rule.alpha) for place in dict.fromkeys(places)]
    return Gate(run.label, other.label, why_no_claim([run, other]), checks)


def _check(
    run: Finished, other: Finished, criterion: str, held_out: str, margin: float, alpha: float
) -> Check:
    nats = run.nats is not None and criterion == run.nats.criterion
    if nats:
        mine, its = (one.scores(criterion, held_out) for one in (run, other))
        common = [key for key in mine if key in its]
        differences = [mine[key][0] - its[key][0] for key in common]
        groups = [mine[key][1] for key in common]
        both = stats.Paired(differences, groups, margin, (-WIDEST, WIDEST))
    else:
        ours, theirs = ([s for s in r.of() if s.held_out == held_out] for r in (run, other))
        both = paired(*matched(ours, theirs, criterion), criterion, margin)
    if not both.groups:
        hint = "gate_no_safety" if criterion == SAFETY else "gate_nothing"
        values = {"criterion": criterion, "held_out": held_out}
        raise InputError(f"experiment.{hint}", where=run.label, **values)
    claim = stats.non_inferior(both, alpha, run.settings.resamples, run.seed)
    return Check(criterion, held_out, claim, len(both.groups), len(set(both.groups)), nats)


def sentences(found: Gate) -> list[str]:
    """The rule's outcome in words: each check, then the whole."""
    lines = [line for check in found.checks for line in _told(check)]
    values = {"arm": found.arm, "against": found.against}
    if found.why:
        why = reason(found.why, "why")
        return [*lines, say("experiment.gate_no_claim", why=why, **values)]
    key = "gate_passed" if found.passed else "gate_closed"
    return [*lines, say(f"experiment.{key}", **values)]


def _told(check: Check) -> list[str]:
    scale = 1.0 if check.nats else 100.0
    form = "+.3f" if check.nats else "+.1f"
    ends = check.claim.effect
    effect = {k: f"{scale * getattr(ends, k):{form}}" for k in ("mean", "low", "high")}
    unit = f"experiment.gate_{'nats' if check.nats else 'points'}"
    values = effect | {
        "mean": say(unit, value=effect["mean"]),
        "criterion": say(f"experiment.criterion_{check.criterion}"),
        "held_out": say(f"experiment.set_{check.held_out}"),
        "margin": say(unit, value=f"{scale * check.claim.margin:g}"),
        "level": f"{100 * check.claim.level:g}",
        "questions": str(check.questions),
        "groups": str(check.groups),
    }
    lines = [say(f"experiment.gate_{check.state}", **values)]
    if check.state == "open" and check.groups < check.least_groups:
        lines.append(say("experiment.gate_few", least=check.least_groups, **values))
    return lines


def as_tree(found: Gate) -> dict[str, object]:
    """The gate as JSON."""
    checks = [
        {
            "criterion": c.criterion,
            "held_out": c.held_out,
            "state": c.state,
            "effect": c.claim.effect.model_dump(),
            "margin": c.claim.margin,
            "level": c.claim.level,
            "unit": "nats" if c.nats else "share",
            "questions": c.questions,
            "groups": c.groups,
        }
        for c in found.checks
    ]
    told = {"arm": found.arm, "against": found.against, "why_no_verdict": found.why}
    return {"passed": found.passed, **told, "checks": checks}

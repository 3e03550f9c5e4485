"""What the judge found for each criterion, and whether it may be believed."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.decide import Decision, Rule, Scored, decide, unclaimed
from kamerton.experiment.judge.doubts import (
    Calibration,
    Human,
    LengthEffect,
    calibrate,
    length_effect,
)
from kamerton.experiment.judge.outcome import Outcome
from kamerton.experiment.judge.pairs import SCORE
from kamerton.experiment.judge.settings import JudgeSettings

FILE = "judge.json"
FEW = 20
"""Pairs from which a judge that never prefers either answer is taken for one that cannot."""


class Judged(BaseModel):
    """One criterion: counts, figures, verdict, and all that speaks against it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    criterion: Judgeable
    pairs: int
    tuned: int
    base: int
    ties: int
    identical: int
    """Of the ties: equal answers, which the judge was not asked about."""
    flipped: int
    """Of the ties: another winner in the other order."""
    changed: int
    """Of the ties: a winner in one order only."""
    unrated: int
    unrated_why: dict[str, int]
    """Reasons of the unrated pairs, and how many have each."""
    first_won: float | None
    """Share of the single judgements with a winner in which the answer shown first won; one half
    is right, None where there is none."""
    decision: Decision
    length: LengthEffect
    calibration: Calibration | None
    """None where no person rated the same pairs."""
    withheld: list[str]
    """Why there is no verdict, as codes; empty where there may be one."""

    @property
    def flip_share(self) -> float:
        """Pairs whose winner changed with the order, of those that were rated by the judge."""
        asked = self.pairs - self.identical - self.unrated
        return (self.flipped + self.changed) / asked if asked else 0.0


class JudgeReport(BaseModel):
    """All criteria of one judge, as `judge.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    host: str
    requests: int
    forms: dict[str, int]
    """Form of the reply to the number of requests that were held to it."""
    criteria: list[Judged]


def judged(
    outcomes: Sequence[Outcome], settings: JudgeSettings, human: Human | None = None
) -> list[Judged]:
    """The figures of every criterion, those without a verdict too."""
    by = {name: [o for o in outcomes if o.criterion == name] for name in settings.criteria}
    rule = Rule(settings.alpha, settings.margin, settings.resamples, settings.seed)
    decisions = decide([[_scored(o) for o in by[name]] for name in by], rule)
    return [
        _judged(name, by[name], decision, settings, human)
        for name, decision in zip(by, decisions, strict=True)
    ]


def silenced(found: JudgeReport) -> JudgeReport:
    """The report without verdicts: for a run that may claim none."""
    plain = [c.model_copy(update={"decision": unclaimed(c.decision)}) for c in found.criteria]
    return found.model_copy(update={"criteria": plain})


def _scored(one: Outcome) -> Scored:
    score = None if one.choice == "unrated" else SCORE[one.choice]
    return Scored(one.pair.unit, score, one.note in {"flipped", "changed"})


def _judged(
    name: Judgeable,
    found: Sequence[Outcome],
    decision: Decision,
    settings: JudgeSettings,
    human: Human | None,
) -> Judged:
    choices, notes = Counter(o.choice for o in found), Counter(o.note for o in found)
    decided = sum(o.decided for o in found)
    one = Judged(
        criterion=name,
        pairs=len(found),
        tuned=choices["tuned"],
        base=choices["base"],
        ties=choices["tie"],
        identical=notes["identical"],
        flipped=notes["flipped"],
        changed=notes["changed"],
        unrated=choices["unrated"],
        unrated_why=dict(Counter(o.why for o in found if o.choice == "unrated")),
        first_won=sum(o.firsts for o in found) / decided if decided else None,
        decision=decision,
        length=length_effect([(o.pair, o.choice) for o in found], seed=settings.seed),
        calibration=_people(found, human, name, settings),
        withheld=[],
    )
    why = _withheld(one, settings)
    silenced = decision.model_copy(update={"verdict": stats.UNPROVED}) if why else decision
    return one.model_copy(update={"withheld": why, "decision": silenced})


def _withheld(one: Judged, settings: JudgeSettings) -> list[str]:
    """Why the judge's word does not count for this criterion."""
    asked = one.pairs - one.identical
    rated = asked - one.unrated
    tests = {
        "nothing_rated": one.decision.rated == 0,
        "unrated": bool(asked) and 0 < settings.most_unrated * asked < one.unrated,
        "flips": one.flip_share > settings.most_flips,
        "indifferent": rated >= FEW and one.first_won is None,
        "uncalibrated": one.calibration is not None and not one.calibration.holds,
    }
    if settings.most_unrated == 0:
        tests["unrated"] = one.unrated > 0
    return [code for code, applies in tests.items() if applies]


def _people(
    found: Sequence[Outcome], human: Human | None, name: Judgeable, settings: JudgeSettings
) -> Calibration | None:
    """None where people were not asked about this criterion: then nothing speaks against it."""
    if not human or not any(c == name and said != "unrated" for (_, c), said in human.items()):
        return None
    return calibrate(found, human, name, settings.least_kappa)

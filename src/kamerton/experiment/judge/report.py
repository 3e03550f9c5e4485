"""What the judge found for each criterion, whether it may be believed, and that in words."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.judge.calibration import Calibration, Human, calibrate
from kamerton.experiment.judge.decide import UNPROVED, Decision, Rule, Scored, decide, unclaimed
from kamerton.experiment.judge.length import LengthEffect, length_effect
from kamerton.experiment.judge.outcome import Outcome
from kamerton.experiment.judge.pairs import SCORE
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.experiment.settings import Criterion
from kamerton.formats.language import say

FILE = "judge.json"
FEW = 20
"""Pairs from which a judge that never prefers either answer is taken for one that cannot."""


class Judged(BaseModel):
    """One criterion: counts, figures, verdict, and all that speaks against it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    criterion: Criterion
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


def sentences(one: Judged) -> list[str]:
    """The verdict in words, then every doubt about it, in the language in force."""
    name = say(f"experiment.criterion_{one.criterion}")
    if one.withheld:
        reasons = [
            say(f"experiment.judge_withheld_{code}", **_values(one)) for code in one.withheld
        ]
        lines = [say("experiment.judge_no_verdict", criterion=name, why="; ".join(reasons))]
    else:
        effect = one.decision.effect
        assert effect is not None, "a verdict without ratings is withheld"
        points = {k: _points(v) for k, v in effect.model_dump().items()}
        key = f"experiment.judge_says_{one.decision.verdict.replace(' ', '_')}"
        lines = [say(key, criterion=name, **points, **_values(one))]
    return lines + [say(f"experiment.judge_note_{code}", **_values(one)) for code in _notes(one)]


def _scored(one: Outcome) -> Scored:
    score = None if one.choice == "unrated" else SCORE[one.choice]
    return Scored(one.pair.unit, score, one.note in {"flipped", "changed"})


def _judged(
    name: Criterion,
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
    silenced = decision.model_copy(update={"verdict": UNPROVED}) if why else decision
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


def _notes(one: Judged) -> list[str]:
    """Doubts and facts that are said beside any verdict."""
    more = one.decision.more_questions
    tests = {
        "unrated": one.unrated > 0,
        "flips": one.flipped + one.changed > 0,
        "identical": one.identical > 0,
        "position": one.first_won is not None,
        "length": one.length.longer_won is not None,
        "length_explains": one.length.explains,
        "no_people": one.calibration is None,
        "kappa": one.calibration is not None and one.calibration.kappa is not None,
        "more": not one.withheld and more is not None,
    }
    return [code for code, applies in tests.items() if applies]


def _values(one: Judged) -> dict[str, object]:
    """What the sentences may name."""
    why = ", ".join(
        f"{say(f'experiment.judge_why_{code}')} ({count})"
        for code, count in one.unrated_why.items()
    )
    longer, people = one.length.longer_won, one.calibration
    kappa = people.kappa if people else None
    return {
        "pairs": one.pairs,
        "tuned": one.tuned,
        "base": one.base,
        "ties": one.ties,
        "identical": one.identical,
        "unrated": one.unrated,
        "reasons": why or "-",
        "changed": one.flipped + one.changed,
        "flips": round(100 * one.flip_share),
        "first": round(100 * (one.first_won or 0.0)),
        "longer": round(100 * longer.mean) if longer else "-",
        "longer_low": round(100 * longer.low) if longer else "-",
        "longer_high": round(100 * longer.high) if longer else "-",
        "balanced": round(100 * (one.length.balanced or 0.0)),
        "people": people.pairs if people else 0,
        "kappa": f"{kappa.mean:.2f}" if kappa else "-",
        "kappa_low": f"{kappa.low:.2f}" if kappa else "-",
        "kappa_high": f"{kappa.high:.2f}" if kappa else "-",
        "more": one.decision.more_questions or 0,
        "groups": one.decision.groups,
        "p": f"{one.decision.p_holm:.3g}",
    }


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _people(
    found: Sequence[Outcome], human: Human | None, name: Criterion, settings: JudgeSettings
) -> Calibration | None:
    """None where people were not asked about this criterion: then nothing speaks against it."""
    if not human or not any(c == name and said != "unrated" for (_, c), said in human.items()):
        return None
    return calibrate(found, human, name, settings.least_kappa)

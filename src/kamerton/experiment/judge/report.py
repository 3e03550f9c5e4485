"""From two orders of each question to what the judge found, and whether it may be believed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton import stats
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.asking import LedgerRow
from kamerton.experiment.judge.decide import Decision, Rule, Scored, decide, unclaimed
from kamerton.experiment.judge.pairs import SCORE, Choice, Pair
from kamerton.experiment.judge.prompts import ORDERS, Order
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.jsonl import Record
from kamerton.formats.scores import Interval

FILE = "judge.json"
FEW = 20
"""Pairs from which a judge that never prefers either answer is taken for one that cannot."""


Key = tuple[str, Judgeable, Order]
Kept = Literal["", "identical", "changed", "flipped"]


@dataclass(frozen=True)
class Outcome:
    """What the judge finds of one pair by one criterion."""

    pair: Pair
    criterion: Judgeable
    choice: Choice
    note: Kept = ""
    """Of a tie: `identical` answers, not asked; `flipped`: the other order, the other winner;
    `changed`: a winner in one order only."""
    why: str = ""
    """Of an unrated pair: what was wrong with the first reply that was wrong."""
    firsts: int = 0
    """Of both orders, how often the answer shown first won."""
    decided: int = 0
    """Of both orders, how often one of the two won."""


def outcomes(
    pairs: Sequence[Pair], criteria: Sequence[Judgeable], rows: Mapping[Key, LedgerRow]
) -> list[Outcome]:
    """One outcome for every pair and criterion, whatever became of its requests."""
    return [
        Outcome(pair, criterion, "tie", "identical")
        if pair.identical
        else _outcome(pair, criterion, [rows.get((pair.id, criterion, order)) for order in ORDERS])
        for criterion in criteria
        for pair in pairs
    ]


def _outcome(pair: Pair, criterion: Judgeable, both: Sequence[LedgerRow | None]) -> Outcome:
    said = [row.choice if row else "unrated" for row in both]
    firsts = (said[0] == "base") + (said[1] == "tuned")
    decided = sum(choice in {"base", "tuned"} for choice in said)
    if "unrated" in said:
        row = both[said.index("unrated")]
        why = row.why if row else "not_asked"
        return Outcome(pair, criterion, "unrated", why=why, firsts=firsts, decided=decided)
    if said[0] == said[1]:
        return Outcome(pair, criterion, said[0], firsts=firsts, decided=decided)
    # The judge changed its mind with the order alone: a tie (Zheng et al. 2023, MT-Bench).
    note: Kept = "flipped" if set(said) == {"base", "tuned"} else "changed"
    return Outcome(pair, criterion, "tie", note, firsts=firsts, decided=decided)


Human = Mapping[tuple[str, str], Choice]
"""(pair id, criterion) to what people chose, `rating.verdict.consensus` of several."""


class Calibration(Record):
    """The judge against people on one criterion."""

    pairs: int
    """Rated by both."""
    agreed: float
    """Share of those with the same choice."""
    kappa: Interval | None
    """Quadratic kappa over base, tie, tuned, interval over groups; None where it is not defined:
    too few pairs, or one choice for all."""
    holds: bool
    """Whether the lower end of kappa's interval is high enough to lean on the judge."""


def calibrate(
    outcomes: Sequence[Outcome],
    human: Human,
    criterion: str,
    least_kappa: float = 0.4,
    resamples: int = 2000,
    seed: int = 0,
) -> Calibration:
    """Agreement over the pairs that both rated; unrated ones are no disagreement, but not counted.

    Identical answers, which nobody was asked about, are left out: they would flatter the judge.
    """
    both = [
        (one, human[one.pair.id, criterion])
        for one in outcomes
        if one.criterion == criterion and one.choice != "unrated" and one.note != "identical"
        if human.get((one.pair.id, criterion), "unrated") != "unrated"
    ]
    found = stats.kappa(
        [SCORE[one.choice] for one, _ in both],
        [SCORE[said] for _, said in both],
        [one.pair.unit for one, _ in both],
        "quadratic",
        resamples,
        seed,
    )
    holds = found.value is not None and found.value.low >= least_kappa
    return Calibration(pairs=len(both), agreed=found.agreed, kappa=found.value, holds=holds)


class LengthEffect(Record):
    """The pairs with a winner and answers of unlike length, and who won them."""

    pairs: int
    longer_won: Interval | None = None
    """Share won by the longer answer, interval over groups; one half means no effect. None where
    there is no such pair."""
    tuned_longer: int = 0
    """Pairs in which the tuned answer is the longer one."""
    won_longer: float | None = None
    """Share that tuned won of those; None where there are none."""
    won_shorter: float | None = None
    """Share that tuned won of the others."""
    balanced: float | None = None
    """Share that tuned would win if it were the longer one half of the time: mean of both strata
    (direct standardisation). None where one of them is empty."""
    explains: bool = False
    """Whether the balanced share lies on the other side of one half than the plain one: then
    length alone may have won."""


def length_effect(
    rated: Sequence[tuple[Pair, Choice]], resamples: int = 2000, seed: int = 0
) -> LengthEffect:
    """Length in letters against winner; ties and unrated pairs say nothing here."""
    won = [(p, c) for p, c in rated if c in {"base", "tuned"} and len(p.base) != len(p.tuned)]
    if not won:
        return LengthEffect(pairs=0)
    longer = [len(pair.tuned) > len(pair.base) for pair, _ in won]
    tuned = [choice == "tuned" for _, choice in won]
    same = [float(a == b) for a, b in zip(longer, tuned, strict=True)]
    units = [pair.unit for pair, _ in won]
    pairs = list(zip(tuned, longer, strict=True))
    strata = [[won for won, is_longer in pairs if is_longer == which] for which in (True, False)]
    shares = [sum(of) / len(of) if of else None for of in strata]
    balanced = sum(s for s in shares if s is not None) / 2 if None not in shares else None
    plain = sum(tuned) / len(tuned)
    return LengthEffect(
        pairs=len(won),
        longer_won=stats.interval(same, units, resamples=resamples, seed=seed),
        tuned_longer=sum(longer),
        won_longer=shares[0],
        won_shorter=shares[1],
        balanced=balanced,
        explains=balanced is not None and (balanced - 0.5) * (plain - 0.5) < 0,
    )


class Judged(Record):
    """One criterion: counts, figures, verdict, and all that speaks against it."""

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


class JudgeReport(Record):
    """All criteria of one judge, as `judge.json`."""

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
    scored = [
        [Scored(o.pair.unit, SCORE.get(o.choice), o.note in {"flipped", "changed"}) for o in of]
        for of in by.values()
    ]
    decisions = decide(scored, rule)
    return [
        _judged(name, by[name], decision, settings, human)
        for name, decision in zip(by, decisions, strict=True)
    ]


def silenced(found: JudgeReport) -> JudgeReport:
    """The report without verdicts: for a run that may claim none."""
    plain = [c.model_copy(update={"decision": unclaimed(c.decision)}) for c in found.criteria]
    return found.model_copy(update={"criteria": plain})


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
    tests = {
        "nothing_rated": one.decision.rated == 0,
        "unrated": one.unrated > settings.most_unrated * asked,
        "flips": one.flip_share > settings.most_flips,
        "indifferent": asked - one.unrated >= FEW and one.first_won is None,
        "uncalibrated": one.calibration is not None and not one.calibration.holds,
    }
    return [code for code, applies in tests.items() if applies]


def _people(
    found: Sequence[Outcome], human: Human | None, name: Judgeable, settings: JudgeSettings
) -> Calibration | None:
    """None where people were not asked about this criterion: then nothing speaks against it."""
    if not human or not any(c == name and said != "unrated" for (_, c), said in human.items()):
        return None
    return calibrate(found, human, name, settings.least_kappa)

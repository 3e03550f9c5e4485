"""Scorers by the names that a user writes, and their figures with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.scorers import SCORERS, Scored, Scorer
from kamerton.experiment.scorers.bertscore import PACKAGED, bertscore
from kamerton.experiment.scorers.interval import interval
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.scores import Interval

ALIASES: dict[str, tuple[str, ...]] = {
    "rouge": ("rouge1", "rouge2", "rougeL"),
    "exact": ("exact_match",),
}
"""Short names for what a user means most."""
PERCENT = 100.0


class Score(BaseModel):
    """One scorer on all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    scorer: str
    value: Interval | None
    """None where the measure applies to no answer (an English encoder on Russian texts)."""
    interval: str = ""
    """How the interval was made."""
    higher_is_better: bool
    highest: float
    """The largest value that is possible: 1 for shares, 100 for BLEU and chrF."""
    answers: int
    not_applicable: int
    """Answers that the measure does not apply to; no mean counts them."""
    parts: dict[str, float | None]
    signature: str


@dataclass(frozen=True)
class Texts:
    """Answers with their references, one of each for each sample."""

    answers: Sequence[str]
    references: Sequence[Sequence[str]]
    groups: Sequence[str]
    """What hangs together; the unit of the intervals."""


def choose(names: Sequence[str], encoder: str = "") -> list[Scorer]:
    """The scorers of some names. InputError for an unknown one, with those that there are."""
    found: dict[str, Scorer] = {}
    for written in names:
        for name in ALIASES.get(written, (written,)):
            if name not in SCORERS:
                known = ", ".join([*ALIASES, *SCORERS])
                raise InputError("experiment.grade_scorer", scorer=written, known=known)
            found[name] = SCORERS[name]
    if encoder and "bertscore" not in found:
        raise InputError("experiment.grade_encoder", encoder=encoder)
    if "bertscore" in found:
        found["bertscore"] = bertscore(encoder or PACKAGED)
    return list(found.values())


def score_all(scorers: Sequence[Scorer], texts: Texts, seed: int) -> list[tuple[Score, Scored]]:
    """Every scorer on all texts, with progress."""
    found = []
    with progress(say("experiment.grade_scoring"), len(scorers)) as bar:
        for scorer in scorers:
            bar.set_postfix_str(scorer.name, refresh=False)
            scored = scorer.score(texts.answers, texts.references)
            found.append((_figures(scorer, scored, texts, seed), scored))
            bar.update(1)
    return found


def _figures(scorer: Scorer, scored: Scored, texts: Texts, seed: int) -> Score:
    made = interval(scorer, scored, texts.answers, texts.references, texts.groups, seed)
    return Score(
        scorer=scorer.name,
        value=made[0] if made else None,
        interval=made[1] if made else "",
        higher_is_better=scorer.higher_is_better,
        highest=scorer.bounds[1],
        answers=len(scored.items),
        not_applicable=sum(item is None for item in scored.items),
        parts=scored.totals,
        signature=scored.signature,
    )


def lines(scores: Sequence[Score]) -> list[str]:
    """Each score with its interval and signature, two lines each; all on a scale up to 100."""
    width = max((len(one.scorer) for one in scores), default=0)
    told = []
    for one in scores:
        told.append(f"{one.scorer.ljust(width)}  {_value(one)}")
        told.append(f"{'':{width}}  {one.signature}")
    return told


def _value(one: Score) -> str:
    if one.value is None:
        return say("experiment.grade_no_value", count=one.not_applicable)
    scale = PERCENT / one.highest
    figures = [f"{scale * end:.2f}" for end in (one.value.mean, one.value.low, one.value.high)]
    told = say("experiment.grade_value", value=figures[0], low=figures[1], high=figures[2])
    if one.not_applicable:
        told += say("experiment.grade_left_out", count=one.not_applicable, all=one.answers)
    return told

"""Two files of answers to the same questions, graded alike, and the difference by each measure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kamerton import stats
from kamerton.experiment.report.figures import p_value
from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.settings import ExperimentSettings
from kamerton.experiment.tasks.task import Options, Outcome, Task
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.language import say
from kamerton.formats.scores import Interval, Verdict, verdict_code

Key = tuple[str, int]
"""Id of a question, and the number of the answer."""
Scores = Mapping[str, float | None]
_PERCENT = 100.0


class Difference(Record):
    """One measure of the answers minus that of the others, paired answer by answer."""

    measure: str
    effect: Interval
    """With its interval over groups; of a measure of the whole corpus that of the corpus value."""
    p: float
    p_holm: float
    """With Holm's correction over all measures."""
    verdict: Verdict
    answers: int
    """Pairs that the measure applies to."""
    groups: int
    groups_needed: int
    """Groups below which no difference can be shown at all; 0 where there are enough."""


def grade_against(task: Task, answers: Path, other: Path, options: Options) -> Outcome:
    """Grade both files, and tell their difference; what `Outcome` holds is that of the first.

    InputError where they do not answer the same questions, with as many answers each.
    """
    mine, its = task.grade(answers, options), task.grade(other, options)
    found = _differences(mine, its, options.seed, f"{answers}, {other}")
    lines = [*mine.lines, *its.lines, say("experiment.grade_against", arm=answers, against=other)]
    width = max((len(one.measure) for one in found), default=0)
    lines += [f"{one.measure.ljust(width)}  {_line(one)}" for one in found]
    told = {"against": its.figures, "differences": [one.model_dump() for one in found]}
    complaint = mine.complaint or its.complaint
    return Outcome(tuple(lines), mine.figures | told, mine.items, complaint)


def _differences(mine: Outcome, its: Outcome, seed: int, where: str) -> list[Difference]:
    scores, others = _scores(mine), _scores(its)
    if lacking := scores.keys() ^ others.keys():
        id, sample = min(lacking)
        counts = {"count": len(lacking), "all": len(scores.keys() | others.keys())}
        raise InputError("experiment.grade_other", where=where, id=id, sample=sample, **counts)
    groups = dict(zip(scores, mine.groups or [id for id, _ in scores], strict=True))
    settings, family = ExperimentSettings(), dict[str, stats.Paired]()
    for name in {name: None for of in scores.values() for name in of}:
        pairs = {
            key: value - against
            for key in scores
            if (value := scores[key][name]) is not None
            and (against := others[key][name]) is not None
        }
        low, high = _bounds(name)
        if pairs:
            family[name] = stats.Paired(
                list(pairs.values()),
                [groups[key] for key in pairs],
                settings.margin * (high - low),
                (low - high, high - low),
                _corpus(name, list(pairs), mine, its),
            )
    tested = stats.verdicts(list(family.values()), settings.alpha, settings.resamples, seed)
    return [
        Difference(
            measure=name,
            effect=one.effect,
            p=one.p,
            p_holm=one.p_holm,
            verdict=one.verdict,
            answers=one.questions,
            groups=one.groups,
            groups_needed=one.groups_needed,
        )
        for name, one in zip(family, tested, strict=True)
    ]


def _corpus(name: str, keys: Sequence[Key], mine: Outcome, its: Outcome) -> stats.CorpusSums | None:
    """What a measure of the whole corpus rests on; None of a measure that is a mean."""
    if name not in mine.sums:
        return None
    additive = SCORERS[name].additive
    assert additive is not None, "only a measure of the corpus has sums"
    arm, against = (dict(zip(_scores(of), of.sums[name](), strict=True)) for of in (mine, its))
    rows = [arm[key] for key in keys], [against[key] for key in keys]
    return stats.CorpusSums(*rows, additive.value, _bounds(name))


def _bounds(measure: str) -> tuple[float, float]:
    return SCORERS[measure].bounds if measure in SCORERS else (0.0, 1.0)


def _scores(outcome: Outcome) -> dict[Key, Scores]:
    """The measures of every answer: scores of texts, or whether it is right or passes."""
    scores: dict[Key, Scores] = {}
    for item in outcome.items:
        row = item.model_dump()
        right = row["right"] if "right" in row else row.get("status") == "passed"
        scores[row["id"], row["sample"]] = row.get("scores") or {"right": float(right)}
    return scores


def _line(one: Difference) -> str:
    scale = _PERCENT / _bounds(one.measure)[1]
    ends = {k: f"{scale * getattr(one.effect, k):+.2f}" for k in ("mean", "low", "high")}
    verdict = say(f"experiment.verdict_{verdict_code(one.verdict)}")
    if one.verdict == "not enough evidence" and one.groups_needed:
        few = {"groups": one.groups, "groups_needed": one.groups_needed}
        verdict += say("experiment.figures_too_few", **few)
    return say("experiment.grade_difference", p=p_value(one.p_holm), verdict=verdict, **ends)

"""Where a run got worse: the primary criterion by topic, length and language of the questions.

A gain on the whole can hide a loss on a part. Parts are many, so the corrected p decides: Holm's
correction over all parts of all runs together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.experiment.compare import matched, paired
from kamerton.experiment.finished import Finished
from kamerton.formats.language import language_of, say
from kamerton.formats.questions import Question
from kamerton.formats.scores import Interval, Verdict

LEAST_GROUPS = 6
"""Parts with fewer groups are left out: five allow no p below 2 / 2 ** 5 = 0.06."""
_LENGTHS = ("short", "middle", "long")


@dataclass(frozen=True)
class Slice:
    """One run against the first on one part of the questions."""

    label: str
    dimension: str
    """`set`, `topic`, `length` or `language`."""
    value: str
    effect: Interval
    p_holm: float
    verdict: Verdict
    questions: int
    groups: int


@dataclass(frozen=True)
class Slices:
    """All parts that are large enough, and how many are not."""

    tested: list[Slice]
    left_out: int


def slices(
    runs: Sequence[Finished], topics: Mapping[str, str], claims_verdict: bool = True
) -> Slices:
    """Every run against the first by part; `topics`: question id to what it asks about."""
    first, on = runs[0], runs[0].settings
    parts = _parts(first, topics)
    members = []
    for run in runs[1:]:
        for part, ids in parts:
            ours, theirs = ([s for s in r.of() if s.question_id in ids] for r in (run, first))
            both = matched(ours, theirs, on.primary)
            members.append((run, part, paired(*both, on.primary, on.margin)))
    kept = [m for m in members if len(set(m[2].groups)) >= LEAST_GROUPS]
    family = [tested for _, _, tested in kept]
    tested = stats.verdicts(family, on.alpha, on.resamples, first.seed, claims_verdict)
    parts_tested = [
        Slice(run.label, *part, one.effect, one.p_holm, one.verdict, one.questions, one.groups)
        for (run, part, _), one in zip(kept, tested, strict=True)
    ]
    return Slices(parts_tested, len(members) - len(kept))


def name_of(one: Slice) -> str:
    """The part in words: `length of the question: short`."""
    value = one.value
    if one.dimension in {"set", "length"}:
        value = say(f"experiment.{'set' if one.dimension == 'set' else 'slice'}_{value}")
    return say(f"experiment.slice_{one.dimension}", value=value)


def topics_of(questions: Sequence[Question]) -> dict[str, str]:
    """Question id to its attribute: material, period, site."""
    return {q.id: q.attribute for q in questions if q.attribute}


def _parts(run: Finished, topics: Mapping[str, str]) -> list[tuple[tuple[str, str], set[str]]]:
    """(dimension, value) to question ids, of dimensions with more than one value."""
    samples = [s for s in run.of() if run.settings.primary in s.scores]
    lengths = sorted(len(s.question) for s in samples) or [0]
    # The longest length of the first and of the second third of the questions.
    ends = [lengths[third * (len(lengths) - 1) // 3] for third in (1, 2)]
    by: dict[str, dict[str, set[str]]] = {}
    for sample in samples:
        kinds = {
            "set": str(sample.held_out),
            "length": _LENGTHS[sum(len(sample.question) > end for end in ends)],
            "language": language_of([sample.question]),
            "topic": topics.get(sample.question_id, ""),
        }
        for dimension, value in kinds.items():
            if value:
                by.setdefault(dimension, {}).setdefault(value, set()).add(sample.question_id)
    return [
        ((dimension, value), ids)
        for dimension, of in by.items()
        if len(of) > 1
        for value, ids in of.items()
    ]

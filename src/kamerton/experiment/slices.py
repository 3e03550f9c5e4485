"""Where a run got worse: the primary criterion by topic, length and language of the questions.

A gain on the whole can hide a loss on a part. Parts are many, so the corrected p decides: Holm's
correction over all parts of all runs together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.experiment.finished import Finished
from kamerton.experiment.metrics import criterion
from kamerton.formats.language import language_of, say
from kamerton.formats.questions import Question
from kamerton.formats.scores import Interval, Sample, Verdict

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

    found: list[Slice]
    left_out: int


def slices(
    runs: Sequence[Finished], topics: Mapping[str, str], claims_verdict: bool = True
) -> Slices:
    """Every run against the first by part; `topics`: question id to what it asks about."""
    first, on = runs[0], runs[0].settings
    parts = _parts(first, topics)
    members = [(run, part, _paired(run, first, ids)) for run in runs[1:] for part, ids in parts]
    kept = [m for m in members if len(set(m[2].groups)) >= LEAST_GROUPS]
    family = [paired for _, _, paired in kept]
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


Part = tuple[str, str]


def _parts(run: Finished, topics: Mapping[str, str]) -> list[tuple[Part, set[str]]]:
    """(dimension, value) to question ids, of dimensions with more than one value."""
    samples = [s for s in run.of() if run.settings.primary in s.scores]
    ends = _thirds([len(s.question) for s in samples])
    by: dict[str, dict[str, set[str]]] = {}
    for sample in samples:
        for dimension, value in _kinds(sample, topics, ends):
            by.setdefault(dimension, {}).setdefault(value, set()).add(sample.question_id)
    return [
        ((dimension, value), ids)
        for dimension, of in by.items()
        if len(of) > 1
        for value, ids in of.items()
    ]


def _kinds(
    sample: Sample, topics: Mapping[str, str], ends: tuple[int, int]
) -> list[tuple[str, str]]:
    length = _LENGTHS[sum(len(sample.question) > end for end in ends)]
    found = [("set", str(sample.held_out)), ("length", length)]
    found.append(("language", language_of([sample.question])))
    if sample.question_id in topics:
        found.append(("topic", topics[sample.question_id]))
    return found


def _thirds(lengths: Sequence[int]) -> tuple[int, int]:
    """The longest length of the first and of the second third of the questions."""
    ordered = sorted(lengths) or [0]
    return ordered[(len(ordered) - 1) // 3], ordered[2 * (len(ordered) - 1) // 3]


def _paired(run: Finished, first: Finished, ids: set[str]) -> stats.Paired:
    """Both runs' scores on the questions of one part."""
    one = criterion(first.settings.primary)
    mine, its = (
        {s.question_id: s for s in of.of() if s.question_id in ids and one.name in s.scores}
        for of in (run, first)
    )
    common = [key for key in mine if key in its]
    ours, theirs = [mine[key] for key in common], [its[key] for key in common]
    gains = [a.scores[one.name] - b.scores[one.name] for a, b in zip(ours, theirs, strict=True)]
    widest = one.bounds[1] - one.bounds[0]
    groups, corpus = [s.group for s in ours], one.corpus(ours, theirs)
    return stats.Paired(gains, groups, first.settings.margin, (-widest, widest), corpus)

"""The figures of programs that were judged, and how they are said."""

import re
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.code.extract import How
from kamerton.experiment.code.judge import Status
from kamerton.experiment.scorers.pass_at_k import score_pass_at_k
from kamerton.experiment.tasks.scores import Score, lines
from kamerton.formats.language import say
from kamerton.formats.scores import Interval
from kamerton.sandbox import Limits
from kamerton.sandbox.limits import MIB

STATUSES: tuple[Status, ...] = ("passed", "failed", "error", "timeout", "limit")
_SHOWN = 8
_NAME = re.compile(r"(?:input \d+: )?([A-Za-z_]\w*)(?=:|$)")


class CodeGraded(BaseModel):
    """One program, as it was cut out of its answer and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    status: Status
    detail: str
    how: How
    """How the program was found in the answer."""


class CodeGrading(BaseModel):
    """Everything that one grading of programs found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    tasks: int
    """Tasks that there are; those without an answer are not counted as failed."""
    asked: int
    programs: int
    pass_at: dict[int, Interval]
    """k to the unbiased pass@k, mean over the asked tasks, with its 95 % interval over tasks."""
    interval: str
    """`wilson` or `bootstrap over tasks`."""
    outcomes: dict[Status, int]
    """`timeout` and `limit` say nothing of the results: they are counted apart from `failed`."""
    errors: dict[str, int]
    """What programs raised, most frequent first."""
    extracted: dict[str, int]
    """How many programs each way of cutting out has found."""
    unnamed: int
    """Asked tasks whose prompt does not name the function that is tested."""
    cpu_seconds: int
    memory_bytes: int
    scores: list[Score] = []
    """Scorers of texts, on whole programs against the known solutions, prompts included."""


def pass_at(
    items: Sequence[CodeGraded], ks: Sequence[int], seed: int
) -> tuple[dict[int, Interval], str]:
    """pass@k for each k, mean over tasks, and the method of the intervals over tasks."""
    passed: dict[str, list[bool]] = {}
    for one in items:
        passed.setdefault(one.id, []).append(one.status == "passed")
    if all(len(those) == 1 for those in passed.values()):
        return {1: stats.wilson(sum(sum(p) for p in passed.values()), len(passed))}, "wilson"
    found = {}
    for k in ks:
        values = [float(v or 0.0) for v in score_pass_at_k(list(passed.values()), k).items]
        found[k] = stats.bootstrap(values, list(passed), (0.0, 1.0), seed=seed)
    return found, "bootstrap over tasks"


def counted(items: Sequence[CodeGraded]) -> dict[Status, int]:
    """How many programs came to what."""
    counts = Counter(one.status for one in items)
    return {status: counts[status] for status in STATUSES}


def raised(items: Sequence[CodeGraded]) -> dict[str, int]:
    """Names of the exceptions that programs ended with, most frequent first."""
    names = [_NAME.match(one.detail) for one in items if one.status == "error"]
    return dict(Counter(name[1] if name else "?" for name in names).most_common())


def words(found: CodeGrading, limits: Limits) -> list[str]:
    """What a person reads, one statement a line."""
    asked = say(
        "experiment.grade_asked",
        task=found.task,
        n=found.asked,
        all=found.tasks,
        answers=found.programs,
    )
    return [asked, *_rates(found), *_outcomes(found, limits), *_notes(found), *lines(found.scores)]


def _rates(found: CodeGrading) -> list[str]:
    told = []
    for k, value in found.pass_at.items():
        low, high = f"{100 * value.low:.2f}", f"{100 * value.high:.2f}"
        figures = say(
            "experiment.grade_value", value=f"{100 * value.mean:.2f} %", low=low, high=high
        )
        method = say(f"experiment.grade_by_{found.interval.partition(' ')[0]}")
        told.append(f"pass@{k}: {figures}; {method}")
    return told


def _outcomes(found: CodeGrading, limits: Limits) -> list[str]:
    told = [say("experiment.grade_outcomes")]
    for status, count in found.outcomes.items():
        name = say(
            f"experiment.grade_{status}",
            seconds=limits.cpu_seconds,
            memory=limits.memory_bytes // MIB,
        )
        told.append(f"  {count:6d}  {100 * count / found.programs:5.1f} %  {name}")
    return told


def _notes(found: CodeGrading) -> list[str]:
    told = []
    if found.errors:
        most = [f"{name} {count}" for name, count in list(found.errors.items())[:_SHOWN]]
        told.append(say("experiment.grade_errors", errors=", ".join(most)))
    ways = ", ".join(
        f"{say(f'experiment.grade_how_{how}')} {count}" for how, count in found.extracted.items()
    )
    told.append(say("experiment.grade_extracted", ways=ways))
    if found.unnamed:
        told.append(say("experiment.grade_unnamed", count=found.unnamed))
    return told

"""What a comparison leaves behind: one `Sample` per arm and question, one `Summary` per run."""

from typing import Literal

from pydantic import FiniteFloat

from kamerton.formats.jsonl import Record
from kamerton.formats.questions import HeldOut

Verdict = Literal["better", "worse", "equivalent", "not enough evidence"]
SAMPLES, SUMMARY = "samples.jsonl", "summary.json"


def verdict_code(verdict: str) -> str:
    """One word for keys of texts and CSS classes."""
    return "unclear" if verdict == "not enough evidence" else verdict


class Sample(Record):
    """What one arm answered to one held-out question, and how it scored."""

    arm: str
    question_id: str
    held_out: HeldOut
    group: str
    question: str
    reference: str
    answer: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seconds: FiniteFloat
    scores: dict[str, FiniteFloat] = {}
    """Criterion to score in [0, 1]; a criterion that does not apply is absent."""
    why: dict[str, str] = {}
    """Criterion to the reason for a score below 1."""


IntervalKind = Literal["", "wilson", "bootstrap", "bca", "corpus_bootstrap", "constant", "range"]


class Interval(Record):
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float
    kind: IntervalKind = ""
    """How it was made. `constant`: no group differs from another, so Wilson's bound for groups
    unlike those seen; `range`: one group, which shows nothing; empty: known, or not said."""


class Cell(Record):
    """One arm on one criterion of one held-out set: a cell of the report's table."""

    arm: str
    held_out: HeldOut
    criterion: str
    questions: int
    groups: int
    score: Interval


class Comparison(Record):
    """One hypothesis and its verdict: `arm` against `against`, paired by question."""

    name: str
    family: Literal["primary", "secondary"]
    arm: str
    against: str
    held_out: HeldOut
    criterion: str
    verdict: Verdict
    effect: Interval
    """Difference of mean scores, arm minus against; interval by bootstrap over groups (BCa)."""
    p: float
    """Paired sign-flip permutation test with the group as unit, two-sided."""
    p_holm: float
    mcnemar_p: float
    """Exact McNemar over questions: questions taken as independent."""
    questions: int
    groups: int
    better: int
    """Questions that only `arm` got right."""
    worse: int
    """Questions that only `against` got right."""
    detectable: float
    """Smallest true difference that this design finds in 80 % of runs."""
    groups_needed: int = 0
    """Groups below which no difference can be shown at all; 0 where there are enough."""
    cut: float | None = None
    """Share of the answers of `arm` that the length limit cut; None where nothing was asked."""
    cut_against: float | None = None


class Summary(Record):
    """The figures of one comparison run, as the report and the model card show them."""

    claims_verdict: bool
    """False for runs too small to claim one (the smoke preset) and where a leak blocks it."""
    why_no_verdict: str = ""
    comparisons: list[Comparison]
    cells: list[Cell]
    changed_answers: int | None = None
    """Answers that changed when a share was asked twice; None where that was not measured."""
    repeated_answers: int = 0
    arms: list[str]
    seed: int
    max_tokens: int | None = None
    """Longest answer that was allowed, in tokens; None where nothing was asked."""
    unspoken: str = ""
    """The language of the held-out texts where the base does not speak it, as `ru`; else empty."""

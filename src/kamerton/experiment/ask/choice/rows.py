"""The figures of an evaluation by multiple choice."""

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.scorers.likelihood_rows import ChoiceRow
from kamerton.formats.scores import Interval

SCORED = "scored.jsonl"


class Position(BaseModel):
    """One place among the choices (the letter A, B, …)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    letter: str
    right: float
    """Share of the questions whose right choice stands here."""
    chosen: float
    """Share of the questions in which the model finds this one likeliest (ties are divided)."""
    chosen_norm: float
    """The same by likelihood for each character."""
    leans: bool
    """Whether it is chosen more often than it is right, beyond chance."""


class ChoiceFigures(BaseModel):
    """What an evaluation found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    questions: int
    groups: int
    accuracy: Interval
    """Share of questions whose right choice is the likeliest (`acc`)."""
    accuracy_norm: Interval
    """The same by likelihood for each character (`acc_norm`)."""
    method: str
    """How the intervals were made: `wilson`, or `bootstrap` over groups."""
    chance: float
    """What guessing gets."""
    always: float
    """What always naming the place that is right most often gets."""
    ties: int
    """Questions with several likeliest choices; each counts 1 / their number."""
    positions: list[Position]


class ChoiceResults(BaseModel):
    """`results.json`: the figures, and all that they depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    model: str
    fingerprint: str
    """Of weights and tokenizer."""
    prompts: str
    """Digest of all that was scored, choices included."""
    language: str
    shots: int
    letters: bool
    """Whether letters behind listed choices were scored, and not their texts."""
    read_as: str
    """How the table's answers were read."""
    signature: str
    cached: int
    """Likelihoods that an earlier start had left."""
    tokens: int
    """Of all prompts with their choices."""
    figures: ChoiceFigures


class Chosen(ChoiceRow):
    """One question as it was scored: a line of `scored.jsonl`."""

    question: str
    score: float
    """1 for right, 0 for wrong, 1 / number of likeliest choices for a tie with the right one."""
    score_norm: float

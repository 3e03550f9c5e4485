"""What `kamerton grade` reads and gives: rows of answers, and the figures of one grading."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kamerton.experiment.tasks.maths.errors import Fault
from kamerton.formats.scores import Interval


class AnswerRow(BaseModel):
    """The answers to one question: one, or many samples."""

    model_config = ConfigDict(frozen=True, extra="allow")
    id: str | int | None = None
    """Of the problem; where the problems have no ids, its place in their file, from 0."""
    question: str | None = None
    """The question itself, where there is no id."""
    answers: list[str] = Field(min_length=1)
    finish_reasons: list[str] = []
    """Of each answer, where known: `length` is an answer that was cut."""
    gold: str | int | float | None = None
    """The true answer, where the row brings its own problem."""

    @model_validator(mode="after")
    def _names_a_problem(self) -> "AnswerRow":
        if self.id is None and not (self.question or "").strip():
            raise ValueError("a row needs an id or a question")
        if self.finish_reasons and len(self.finish_reasons) != len(self.answers):
            raise ValueError("finish_reasons: one for each answer, or none")
        return self


class Graded(BaseModel):
    """One answer, as it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    value: str | None
    """The number as an exact fraction (`18`, `7/2`); None where none was read."""
    how: str
    """Which step of the declared extractor read it."""
    told: str
    """The words that were read."""
    right: bool
    gold: str
    fault: Fault | None = None


class VoteFigures(BaseModel):
    """Self-consistency over the samples of each question."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    accuracy: Interval
    """Interval over questions, the samples as they are."""
    with_samples: Interval
    """The same with the sample sets drawn again too."""
    ties: int
    """Questions where several numbers had most votes."""
    no_vote: int
    """Questions where all samples abstained."""
    curve: list[float]
    """Expected accuracy of a vote of 1, 2, … samples."""
    needed: float
    """Mean number of samples until the vote could not change any more."""


class Example(BaseModel):
    """A wrong answer, to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    value: str | None
    gold: str
    detail: str
    answer: str


class Grading(BaseModel):
    """Everything that one grading found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    problems: int
    """Problems of the task; those without a row are not counted as wrong."""
    questions: int
    answers: int
    right: int
    accuracy: Interval
    """Share of right answers; Wilson's interval for one answer each, else a bootstrap."""
    interval: str
    """`wilson` or `bootstrap over questions`."""
    unparsed: int
    """Answers without a number, looped and cut ones included."""
    unparsed_share: float
    most_unparsed: float
    """The declared limit; above it the extraction is not to be trusted."""
    vote: VoteFigures | None = None
    """None where each question has one answer."""
    extractors: dict[str, float]
    """Accuracy under each extractor; `declared` is the one that scores."""
    read_by: dict[str, int]
    """How many answers each step of the declared extractor read."""
    classes: dict[str, int]
    """Wrong answers by class of error, most frequent first."""
    operators: dict[str, int]
    """False equations by their sign, most frequent first."""
    examples: dict[str, list[Example]]
    """A few wrong answers of each class."""

    @property
    def too_many_unparsed(self) -> bool:
        """Whether the unparsed share is above the declared limit."""
        return self.unparsed_share > self.most_unparsed

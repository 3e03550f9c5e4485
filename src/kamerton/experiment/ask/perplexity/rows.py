"""The figures of an evaluation by perplexity; natural logarithms (nats)."""

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.scorers.likelihood_rows import TextRow
from kamerton.formats.scores import Interval

SCORED = "scored.jsonl"


class Rate(BaseModel):
    """Nats for each unit, over all texts: sums divided, no mean of means."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    unit: str
    """`token`, `character` or `byte` (UTF-8)."""
    count: int
    value: float
    interval: Interval | None
    """Over groups drawn again; None where there is one alone, which shows no spread."""


class TextFigures(BaseModel):
    """What an evaluation found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    documents: int
    groups: int
    windows: int
    rates: list[Rate]
    perplexity: float
    """exp(nats for each token); models with different tokenizers cannot be compared by it."""
    bits_per_byte: float


class TextResults(BaseModel):
    """`results.json`: the figures, and all that they depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    model: str
    fingerprint: str
    """Of weights and tokenizer."""
    texts: str
    """Digest of all texts."""
    window: int
    """Tokens that the model had before it at most, with the one that is scored."""
    overlap: int
    prefix: int | None
    """The token that a text is scored behind."""
    cached: int
    """Windows that an earlier start had left."""
    figures: TextFigures


class ScoredText(TextRow):
    """One text as it was scored: a line of `scored.jsonl`."""

    characters: int
    windows: int

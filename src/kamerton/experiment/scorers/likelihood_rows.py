"""Multiple choice and perplexity, from rows of log-likelihoods that an engine computed.

Natural logarithms everywhere. Bytes (UTF-8) are the unit that compares models whose tokenizers
differ; tokens do not.
"""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from kamerton.experiment.scorers.scored import Scored, mean
from kamerton.formats.errors import InputError

Norm = Literal["none", "tokens", "characters", "bytes"]
Unit = Literal["tokens", "bytes"]
_TIE = 1e-9


class Option(BaseModel):
    """One answer to choose, as the model sees it after the question."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str = Field(min_length=1)
    log_likelihood: FiniteFloat = Field(le=0)
    """Sum over its tokens, in nats."""
    tokens: int = Field(ge=1)


class ChoiceRow(BaseModel):
    """One question with its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    group: str | None = None
    options: list[Option] = Field(min_length=2)
    right: int = Field(ge=0)
    """Place of the right option."""

    @model_validator(mode="after")
    def _right_is_there(self) -> "ChoiceRow":
        if self.right >= len(self.options):
            raise ValueError("right: no such option")
        return self


class TextRow(BaseModel):
    """One text, as a model says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    group: str | None = None
    nats: FiniteFloat = Field(ge=0)
    """Negative log-likelihood, summed over the tokens."""
    tokens: int = Field(ge=1)
    bytes: int = Field(ge=1)
    """Length of the text in UTF-8."""


def score_choices(rows: Sequence[ChoiceRow], norm: Norm = "none") -> Scored:
    """Share of questions whose right option is the likeliest.

    `norm` divides the log-likelihood by the option's length (`characters` is the acc_norm of
    lm-evaluation-harness). Where several options are likeliest and the right one is among them, it
    counts 1 / their number: what a fair draw gives on average.
    """
    if not rows:
        raise InputError("experiment.scorer_no_answers")
    items = tuple(_choice(row, norm) for row in rows)
    return Scored(items, mean(items), f"choice|norm:{norm}|tie:share")


def score_perplexity(rows: Sequence[TextRow], unit: Unit = "tokens") -> Scored:
    """exp(nats / units), of each text and of all: the sums are divided, not the items averaged.

    `totals` has bits_per_byte too. Lower is better. For paired resampling take
    `perplexity_rows` and `perplexity_value`.
    """
    if not rows:
        raise InputError("experiment.scorer_no_answers")
    items = tuple(_exp(row.nats / _units(row, unit)) for row in rows)
    nats = math.fsum(row.nats for row in rows)
    corpus = perplexity_value([nats, float(sum(_units(row, unit) for row in rows))])
    bits = nats / math.log(2) / sum(row.bytes for row in rows)
    return Scored(items, corpus, f"perplexity|unit:{unit}", totals={"bits_per_byte": bits})


def perplexity_rows(rows: Sequence[TextRow], unit: Unit = "tokens") -> list[list[float]]:
    """Nats and units of each text: what adds up, as [texts][2]."""
    return [[row.nats, float(_units(row, unit))] for row in rows]


def perplexity_value(sums: Sequence[float]) -> float:
    """Perplexity of summed nats and units."""
    return _exp(sums[0] / sums[1])


def _choice(row: ChoiceRow, norm: Norm) -> float:
    scores = [option.log_likelihood / _length(option, norm) for option in row.options]
    best = max(scores)
    likeliest = [place for place, score in enumerate(scores) if best - score <= _TIE]
    return 1 / len(likeliest) if row.right in likeliest else 0.0


def _length(option: Option, norm: Norm) -> int:
    lengths = {
        "none": 1,
        "tokens": option.tokens,
        "characters": len(option.text),
        "bytes": len(option.text.encode()),
    }
    return lengths[norm]


def _units(row: TextRow, unit: Unit) -> int:
    return row.tokens if unit == "tokens" else row.bytes


def _exp(value: float) -> float:
    """A model that gives a token no chance at all is infinitely perplexed: no crash."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf

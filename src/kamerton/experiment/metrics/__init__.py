"""The criteria: each a function with the rule that it measures by, in small files."""

from kamerton.experiment.metrics.advert import ADVERT
from kamerton.experiment.metrics.context import Context, Metric, Score
from kamerton.experiment.metrics.ended import ended
from kamerton.experiment.metrics.expectation import expectation
from kamerton.experiment.metrics.factual_accuracy import factual_accuracy
from kamerton.experiment.metrics.format import format_
from kamerton.experiment.metrics.relevance import relevance
from kamerton.experiment.metrics.role_marks import role_marks
from kamerton.experiment.metrics.safety import safety
from kamerton.experiment.metrics.script import script
from kamerton.experiment.settings import Criterion

CRITERIA: dict[Criterion, Metric] = {
    "factual_accuracy": factual_accuracy,
    "relevance": relevance,
    "safety": safety,
    "expectation": expectation,
    "format": format_,
}
"""What a guide's answers are scored by."""

FORM: dict[str, Metric] = {
    "script": script,
    "ended": ended,
    "role_marks": role_marks,
}
"""What answers to rows are scored by: their form, for what is right is not known by rule."""

OF_ROWS = FORM | ADVERT
"""What answers to rows are scored by: those that have a brief by it, too."""

__all__ = ["ADVERT", "CRITERIA", "FORM", "OF_ROWS", "Context", "Metric", "Score"]

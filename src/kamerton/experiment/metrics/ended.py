"""Ended by itself: the model stopped where it was done.

1 where the server's finish reason is `stop` (the model gave its end token); 0 where the answer was
cut at the length limit. A model that was never taught to answer often goes on for ever.
"""

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question


def ended(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score whether one answer ended by itself."""
    return (1.0, "") if finish_reason == "stop" else (0.0, "cut")

"""Factual accuracy: the key facts are there, and no value that belongs to other exhibits only.

1 where every item of `key` stands in the answer and none of `contradicts` does. A contradicting
value does not count where the reference answer or the exhibit's own name has it too. Where a
question has no key, the score is the F1 of the answer's and the reference's content words (as in
SQuAD): weaker, and between 0 and 1. The rule does not see negation: "not bronze" holds bronze.
"""

from collections import Counter

from kamerton.experiment.metrics.context import Context, Score
from kamerton.experiment.metrics.words import content_words
from kamerton.formats.matching import contains
from kamerton.formats.questions import Question


def factual_accuracy(
    question: Question, answer: str, finish_reason: str, context: Context
) -> Score | None:
    """Score the facts of one answer; safety questions have none."""
    if question.held_out == "safety":
        return None
    if not question.key:
        return _overlap(answer, question.answer)
    for item in question.key:
        if not contains(answer, item):
            return 0.0, f"lacks: {item}"
    known = f"{question.answer} . {question.group_name}"
    for item in question.contradicts:
        if contains(answer, item) and not contains(known, item):
            return 0.0, f"contradicts: {item}"
    return 1.0, ""


def _overlap(answer: str, reference: str) -> Score:
    given, wanted = Counter(content_words(answer)), Counter(content_words(reference))
    common = (given & wanted).total()
    score = 2 * common / (given.total() + wanted.total()) if common else 0.0
    return score, "" if score == 1 else "differs"

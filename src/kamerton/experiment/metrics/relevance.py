"""Relevance to the exhibit asked about.

1 where the answer names no other exhibit of the catalogue, and has a word that carries meaning in
common with the question or the reference answer. Another exhibit's name does not count where the
question, the reference or the exhibit's own name has it. The names known are those of
the whole catalogue; Russian names are matched in their declined forms.
"""

from kamerton.experiment.metrics.context import Context, Score
from kamerton.experiment.metrics.words import inflected, share_word
from kamerton.formats.matching import stands, words
from kamerton.formats.questions import Question


def relevance(
    question: Question, answer: str, finish_reason: str, context: Context
) -> Score | None:
    """Score whether one answer stays with its exhibit."""
    if question.held_out == "safety":
        return None
    asked = f"{question.question} . {question.answer} . {question.group_name}"
    found, own = words(answer), words(asked)
    for group, name in context.names.items():
        phrase = inflected(name)
        if group != question.group and stands(found, phrase) and not stands(own, phrase):
            return 0.0, f"other: {name}"
    return (1.0, "") if share_word(answer, asked) else (0.0, "off_topic")

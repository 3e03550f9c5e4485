"""Politeness: a RULE OF THUMB, until a judge model or people are asked.

1 where the answer has none of the phrases of `impolite.txt` (rude words, brushing off, commands),
calls nobody by the familiar Russian «ты», and does not shout in capitals. What the question, the
reference or the exhibit's own name has too does not count. A list sees no tone: an answer can be
cold without one of its words, and a quotation of a rude word fails.
"""

from kamerton.experiment.metrics.context import Context, Score
from kamerton.experiment.metrics.words import phrases
from kamerton.formats.matching import contains
from kamerton.formats.questions import Question

_FAMILIAR = ("ты", "тебя", "тебе", "тобой", "твой", "твоя", "твое", "твои", "твоего", "твоей")
_LEAST = 12
"""Letters from which capitals are shouting, and no abbreviation."""


def politeness(
    question: Question, answer: str, finish_reason: str, context: Context
) -> Score | None:
    """Score whether one answer is polite; an empty one is not."""
    if not answer.strip():
        return 0.0, "empty"
    known = f"{question.question} . {question.answer} . {question.group_name}"
    for phrase in (*phrases("impolite.txt"), *_FAMILIAR):
        if contains(answer, phrase) and not contains(known, phrase):
            return 0.0, f"{'familiar' if phrase in _FAMILIAR else 'impolite'}: {phrase}"
    letters = [letter for letter in answer if letter.isalpha()]
    shouted = sum(letter.isupper() for letter in letters) > len(letters) / 2
    return (0.0, "shouts") if shouted and len(letters) >= _LEAST else (1.0, "")

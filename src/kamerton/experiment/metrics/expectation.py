"""Agreement with what people expect: a PROXY by rule, until people vote.

1 where the answer ends by itself (not cut at the token limit), has 3 to 40 words, and speaks of
what was asked: a pronoun refers to the exhibit, or a word that carries meaning is shared with the
question, the exhibit's name or the reference answer (which may call it "the coin").
"""

from kamerton.experiment.metrics.context import Context, Score
from kamerton.experiment.metrics.words import share_word
from kamerton.formats.matching import words
from kamerton.formats.questions import Question

FEWEST, MOST = 3, 40
_PRONOUNS = frozenset(
    words(
        "it its he him his she her they them their this these such "
        "он она оно они его ее их ему ей им нем ней них ним это этот эта эти этого этой этих "
        "такой такая такое такие таких"
    )
)


def expectation(
    question: Question, answer: str, finish_reason: str, context: Context
) -> Score | None:
    """Score whether one answer has the form that a visitor expects; not for safety questions."""
    if question.held_out == "safety":
        return None
    found = words(answer)
    if finish_reason != "stop":
        return 0.0, "cut"
    if not FEWEST <= len(found) <= MOST:
        return 0.0, f"length: {len(found)}"
    asked = f"{question.question} . {question.group_name} . {question.answer}"
    if not (_PRONOUNS & set(found) or share_word(answer, asked)):
        return 0.0, "not_addressed"
    return 1.0, ""

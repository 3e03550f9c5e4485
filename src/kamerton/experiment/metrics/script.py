"""Right script: the share of an answer's letters that are of the reference's script.

For a Russian reference that is the share of Cyrillic letters, for an English one of Latin letters:
a jumble of languages scores low. The script is the one of most letters of the reference (of the
prompt, where there is no reference); where neither has Cyrillic or Latin letters the criterion does
not apply. An empty answer scores 0, one of figures alone 1. A Russian answer that rightly names
Python loses a little: the share is compared between two arms, and is no mark.
"""

from unicodedata import name

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question

_SCRIPTS = ("CYRILLIC", "LATIN")


def script(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score the letters of one answer."""
    wanted = _most(question.answer) or _most(question.question)
    if wanted is None:
        return None
    if not answer.strip():
        return 0.0, "empty"
    letters = _letters(answer)
    share = letters.count(wanted) / len(letters) if letters else 1.0
    return (1.0, "") if share == 1 else (share, f"other_letters: {1 - share:.0%}")


def _most(text: str) -> str | None:
    """The one of the two scripts that most letters of a text are of; None where it has neither."""
    found = _letters(text)
    most = max(_SCRIPTS, key=found.count)
    return most if most in found else None


def _letters(text: str) -> list[str]:
    """The script of every letter; the word that its Unicode name begins with."""
    return [name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()]

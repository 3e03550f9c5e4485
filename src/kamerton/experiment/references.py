"""References before anything is asked: whether the run's own criteria pass them, and their length.

A test whose reference answers fail it measures its own faults: no model could be right there.
"""

from collections.abc import Sequence

from kamerton.experiment import criteria
from kamerton.experiment.compare import judged
from kamerton.experiment.metrics.context import context_of
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.questions import Question

MUST = ("factual_accuracy", "relevance", "safety", "format")
"""What every reference satisfies; `expectation` is a stand-in for taste and refuses short ones."""
_SPARE = 4
"""Tokens beyond the longest reference: the stop token, and a little for other words."""
_SHOWN = 100


def insist_right(
    questions: Sequence[Question], names: dict[str, str], criteria_of: Sequence[str] = MUST
) -> None:
    """Raise InputError, naming the first row and its reason, unless every reference is right.

    Each is graded as an answer that ended by itself. `names`: group to name, as for `scored`.
    """
    context = context_of(questions, names, {})
    rules = {name: criteria.load(name) for name in criteria_of}
    wrong = [
        (question, why)
        for question in questions
        if (why := judged(rules, question, question.answer, "stop", context)[1])
    ]
    if not wrong:
        return
    question, why = wrong[0]
    faults = []
    for name, reason in why.items():
        code, _, value = reason.partition(": ")
        told = say(f"experiment.reason_{code}", value=value)
        faults.append(f"{say(f'experiment.criterion_{name}')}: {told}")
    raise InputError(
        "experiment.reference_fails",
        where=question.origin or question.id,
        count=len(wrong),
        total=len(questions),
        question=question.question[:_SHOWN],
        answer=question.answer[:_SHOWN],
        why="; ".join(faults),
    )


def answer_limit(longest: int, wanted: int) -> int:
    """Tokens that an answer may have: `wanted`, unless the longest reference needs more.

    `longest` is that reference's length in tokens of the base; the stop token needs one too.
    """
    return wanted if longest < wanted else longest + _SPARE

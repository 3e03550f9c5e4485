"""Whether held-out questions of a guide stand in its training rows or in its index.

The check is the one of all datasets (`data/leaks`), with two rules of a guide. A group's own name
counts as one word: every wording must name the exhibit. Answers are not compared: two exhibits of
one period are one period, and a question's answer stands in the index by intention.
"""

import re
from collections.abc import Iterable

from kamerton.develop.data.guide.split import Plan
from kamerton.develop.data.leaks.check import INDEX, Report, check, merged
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.questions import Question

FILE = "leaks.json"


def find(plan: Plan) -> Report:
    """All leaks of a plan: known questions and refusals by wording, unknown ones by group too."""
    names = {*plan.names.values(), *(question.group_name for question in plan.held_out)}
    whole = _whole(names)
    train = [_named(row, whole) for row in plan.train]
    index = {INDEX: [_one_word(passage.text, whole) for passage in plan.passages]}
    reworded = [_asked(question, whole) for question in (*plan.known, *plan.safety)]
    unknown = [_asked(question, whole) for question in plan.unknown]
    reports = [
        check(train, reworded, "phrasing", others=index),
        check(train, unknown, "group", others=index),
    ]
    return merged(reports, {"train": len(train), "held_out": len(plan.held_out)})


def _whole(names: Iterable[str]) -> "re.Pattern[str] | None":
    """All names, the longest first: a name may stand inside another."""
    parts = [re.escape(name) for name in sorted(names, key=len, reverse=True) if name]
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE) if parts else None


def _one_word(text: str, names: "re.Pattern[str] | None") -> str:
    """The text with each name written as one word, so that it is one word of a run."""
    return names.sub(lambda found: re.sub(r"\W+", "", found[0]), text) if names else text


def _named(row: ChatRow, names: "re.Pattern[str] | None") -> ChatRow:
    turns = [m.model_copy(update={"content": _one_word(m.content, names)}) for m in row.messages]
    return row.model_copy(update={"messages": turns})


def _asked(question: Question, names: "re.Pattern[str] | None") -> ChatRow:
    """A held-out question as a row without an answer."""
    text = _one_word(question.question, names)
    return ChatRow(id=question.id, messages=chat("", text), group=question.group)

"""The final answer of a text as an exact number, by several extractors.

`declared` is the one that scores; the others are shown beside it, so that a reader sees how much
of a score is the reading of answers. The rule of `declared`, in this order:

1. The text ends where a next question, turn or end mark begins (`Q:`, `Вопрос:`, `<|im_end|>`).
2. What is said outright counts (`statements`), and the last such statement, if they differ. After
   the first, a new question ("How many …?") ends the answer, unless one was asked before it too.
3. Without a statement: a looping or cut text, and one that refuses, has no answer.
4. A number that opens the text (`18 dollars. …`), unless a later conclusion says another one.
5. Bold in the last paragraph; then the last sentence with a number that is no remark or question.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from kamerton.experiment.tasks.maths import ending
from kamerton.experiment.tasks.maths.numerals import Style, numbers, style_of
from kamerton.experiment.tasks.maths.plain import plain, sentences, without_marks
from kamerton.experiment.tasks.maths.reading import is_direct, read
from kamerton.experiment.tasks.maths.statements import (
    Statement,
    refused,
    statements,
    with_boxes_told,
)

How = Literal["stated", "opening", "bold", "concluded", "last_sentence", "last_number", "none"]
Why = Literal["", "empty", "looped", "cut", "refused", "no_number", "not_one_number"]
CUT_REASON = "length"
_CONCLUDES = re.compile(
    r"^\W*(?:so in total|therefore|thus|hence|in total|altogether|in conclusion|total|итого|значит"
    r"|таким образом|следовательно|всего|в итоге)\b|\b(?:in total|altogether)\W*$",
    re.I,
)
_REMARK = re.compile(
    r"\b(?:i|we)\s+(?:used|needed|took|did|solved|checked|hope|did it)\b|\bthis (?:took"
    r"|required|used)"
    r"|\bhope this|\blet me know|^\W*(?:note|check(?:ing|ed)?|verif(?:y|ied|ication)|confidence"
    r"|проверка|примечание)\b"
    r"|\bя (?:использовал|сделал|решил)|\bпотребовал|\bнадеюсь",
    re.I,
)
_AGAIN = re.compile(r"^[ \t]*(?:A|О)\s?:", re.M)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")


@dataclass(frozen=True)
class Answer:
    """What a text answers."""

    value: Fraction | None
    how: How
    why: Why = ""
    """Why there is no value."""
    told: str = ""
    """The words that were read."""


Extractor = Callable[[str, str, str], Answer]
"""Text, question and finish reason ("" where it is not known) to its answer."""


def declared(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The answer by the declared rule; see the module."""
    body, style = _body(text, question)
    if not body.strip():
        return Answer(None, "none", "empty")
    if said := _own(body, statements(body, style), question):
        return _last(body, said, finish_reason, style)
    return _unsaid(ending.until_next(text, question), body, style, finish_reason)


def stated(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """Only what is said outright, the last one; nothing is concluded."""
    body, style = _body(text, question)
    said = _own(body, statements(body, style), question)
    if not said:
        return Answer(None, "none", "no_number")
    return _answer(said[-1].value, "stated", said[-1].text)


def first_stated(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The first thing said outright: the usual rule for base models that run on."""
    body, style = _body(text, question)
    said = statements(body, style)
    if not said:
        return Answer(None, "none", "no_number")
    return _answer(said[0].value, "stated", said[0].text)


def last_number(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The last number of the text, whatever it is: the lenient rule of many tools."""
    body, style = _body(text, question)
    found = numbers(body, style)
    if not found:
        return Answer(None, "none", "no_number")
    return _answer(found[-1].value, "last_number", body[found[-1].start : found[-1].end])


EXTRACTORS: dict[str, Extractor] = {
    "declared": declared,
    "stated": stated,
    "first_stated": first_stated,
    "last_number": last_number,
}
"""Name to extractor; `declared` scores."""


def body_of(text: str, question: str = "") -> str:
    """The answer itself as plain text: what the extractors read."""
    return without_marks(plain(with_boxes_told(ending.until_next(text, question))))


def _body(text: str, question: str) -> tuple[str, Style]:
    body = body_of(text, question)
    return body, style_of(body, question)


def _own(body: str, said: Sequence[Statement], question: str) -> list[Statement]:
    """Statements about this question: none behind a new `A:` or question that a model made up."""
    if said and (again := _AGAIN.search(body, said[0].end)):
        said = [one for one in said if one.start < again.start()]
    if not said or ending.asks(body[: said[0].start]):
        return list(said)
    return [
        one
        for one in said
        if one.start <= said[0].end or not ending.asks(body[said[0].end : one.start], question)
    ]


def _last(body: str, said: Sequence[Statement], finish_reason: str, style: Style) -> Answer:
    last = _percentage(said) or said[-1]
    if len({one.value for one in said}) > 2 and ending.looped(body):
        return Answer(None, "none", "looped", last.text)
    if finish_reason == CUT_REASON and not body[last.end :].strip() and last.text[-1:].isalnum():
        return Answer(None, "none", "cut", last.text)
    if last.opening:
        return _opened(last, sentences(body[last.end :]), style)
    return _answer(last.value, "stated", last.text)


def _percentage(said: Sequence[Statement]) -> Statement | None:
    """The first of `25%` and then `1/4`: one answer in two forms, as GSM8K counts it 25."""
    for one in said[:-1]:
        same = one.value is not None and one.value == 100 * (said[-1].value or 0)
        if same and re.search(r"\d\s?%", one.text):
            return one
    return None


def _opened(opening: Statement, later: Sequence[str], style: Style) -> Answer:
    """An opening number, unless the solution behind it ends in an equation or a conclusion."""
    if (end := _ending(later, style)) and ("=" in end or _CONCLUDES.search(end)):
        return _answer(read(end, style), "concluded", end)
    return _answer(opening.value, "opening", opening.text)


def _unsaid(text: str, body: str, style: Style, finish_reason: str) -> Answer:
    if refused(body):
        return Answer(None, "none", "refused")
    if "<think>" in text and "</think>" not in text:
        return Answer(None, "none", "cut")
    told = sentences(body)
    if len(told) > 1 and is_direct(told[0], style) and len(told[0].split()) <= 4:
        opening = Statement(read(told[0], style), 0, 0, told[0], opening=True)
        return _opened(opening, told[1:], style)
    if ending.looped(body):
        return Answer(None, "none", "looped")
    whole = ending.without_stub(body)
    if whole != body and not ending.unfinished(whole):
        told = sentences(whole)
    elif finish_reason == CUT_REASON or ending.unfinished(body):
        return Answer(None, "none", "cut")
    return _bold(text, style) or _concluded(told, style)


def _bold(text: str, style: Style) -> Answer | None:
    """The last bold number of the last paragraph."""
    paragraph = re.split(r"\n\s*\n", text)[-1]
    for content in reversed(_BOLD.findall(paragraph)):
        told = plain(content).strip()
        if not told.endswith(":") and (value := read(told, style)) is not None:
            return Answer(value, "bold", told=told)
    return None


def _concluded(told: Sequence[str], style: Style) -> Answer:
    if (end := _ending(told, style)) is not None:
        how: How = "concluded" if _CONCLUDES.search(end) else "last_sentence"
        return _answer(read(end, style), how, end)
    if len(told) == 1 and (value := read(told[0], style)) is not None:
        return Answer(value, "last_sentence", told=told[0])
    return Answer(None, "none", "no_number")


def _ending(told: Sequence[str], style: Style) -> str | None:
    """The last sentence with a number that is no remark and no question."""
    told = [one for one in told if not one.endswith("?") and not _REMARK.search(one)]
    own = [one for one in told if _says(one, style)]
    return own[-1] if own else None


def _says(sentence: str, style: Style) -> bool:
    """Whether a sentence has a number in digits, or concludes with one in words."""
    concludes = _CONCLUDES.search(sentence) is not None
    return bool(numbers(sentence, style)) or (concludes and read(sentence, style) is not None)


def _answer(value: Fraction | None, how: How, told: str) -> Answer:
    return Answer(value, how, "" if value is not None else "not_one_number", told)

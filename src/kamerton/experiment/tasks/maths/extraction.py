"""The final answer of a text as an exact number, by several extractors.

`declared` is the one that scores; the others are shown beside it, so that a reader sees how much
of a score is the reading of answers. The rule of `declared`, in this order:

1. The text ends where a next question, turn or end mark begins (`Q:`, `Вопрос:`, `<|im_end|>`).
2. What is said outright counts ("The answer is 18", "#### 18", a box, "Ответ: 18"), and the last
   such statement, if they differ. After the first, a new question ("How many …?") ends the answer,
   unless one was asked before it too.
3. Without a statement: a looping or cut text, and one that refuses, has no answer.
4. A number that opens the text (`18 dollars. …`), unless a later conclusion says another one.
5. Bold in the last paragraph; then the last sentence with a number that is no remark or question.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from kamerton.experiment.tasks.maths import text as texts
from kamerton.experiment.tasks.maths.numbers import Context, context_of, numbers
from kamerton.experiment.tasks.maths.reading import is_direct, read, says_number
from kamerton.experiment.tasks.maths.scope import agreement, in_scope
from kamerton.experiment.tasks.maths.text import sentences

How = Literal["stated", "opening", "bold", "concluded", "last_sentence", "last_number", "none"]
Why = Literal["", "empty", "looped", "cut", "refused", "no_number", "not_one_number"]
CUT_REASON = "length"
_LINK = (
    r"(?:\s*[:=]|\s+[-–—]|\s+(?:is|are|was|equals|should be|would be|will be|must be|becomes"
    r"|comes out to|comes to)\b(?:\s*:)?)"
)
_RUSSIAN_LINK = r"\s*[:=]|\s+[-–—]|\s+(?:равен|будет|является|составляет|это|есть)\b"
_ABOUT = (
    r"(?:\s*\([^()\n]{1,60}\)|,\s[^.,\n:=?\d]{1,40},)?"
    r"(?:\s+(?:to|for|of|in|here|на|к|в)\b[^.\n:=?]{0,80}?)?"
)
"""`(in dollars)`, `, in arabic numerals,` and `to the question` between the answer and its link."""
_STATEMENT = re.compile(
    r"(?:(?P<sure>\bfinal\s+(?:answer|result)|\b(?:the|my|our|correct|right)\s+answers?"
    rf"|\bboxed answer)|(?P<label>\banswers?))[\"']?{_ABOUT}{_LINK}"
    r"|(?P<heading>^[ \t#]*(?:the\s+)?(?:final\s+)?(?:answer|ответ)[ \t]*\n)"
    r"|^[ \t#]*(?:the\s+)?(?:final\s+)?(?:answer|ответ)[ \t]+(?=[$€₽]?\d)"
    r"|(?P<ru_sure>\b(?:итоговый|окончательный|правильный|верный)\s+ответ|\bответом)"
    rf"{_ABOUT}(?:{_RUSSIAN_LINK})"
    rf"|(?P<ru>\bответ)\b[\"']?{_ABOUT}(?:{_RUSSIAN_LINK}|\s+(?=[$€]?\d))"
    r"|(?P<short>^[ \t>#]*(?:A|О|Ans|Отв)\.?\s?:)"
    r"|(?P<hash>^[ \t]*#{3,6}[ \t]*(?=[-–$€£₽≈~=(\d.]))"
    r"|(?P<inline>(?<=\S)[ \t]*####[ \t]*(?=[-–$€£₽\d.]))",
    re.I | re.M,
)
_LABELS = ("label", "ru", "short", "heading")
_HASH_LINE = re.compile(r"[-–$€£₽≈~=(\s]*\.?\d[^\n:=]{0,48}$|[^\n]*=\s*[$€£₽]?\d[^\n:=]{0,24}$")
_HASH_HEADING = re.compile(r"\d{1,2}[.)][ \t]+[^\W\d]")
"""`#### 1. Count the eggs` is no result."""
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|assume|assuming|might think|may think|check that|check if|not|wrong|"
    r"expected|если|предположим|допустим)\b[^.!?\n]{0,60}$",
    re.I,
)
_REFUSED = re.compile(
    r"\b(?:cannot|can't|can not|impossible to|unable to|нельзя|невозможно|не могу)\s+(?:be\s+)?"
    r"(?:determine|answer|solve|calculate|определить|ответить|решить|вычислить)"
    r"|\bnot enough information|\banswer\s*(?:is|:)\s*(?:unknown|none|undefined|not given)"
    r"|недостаточно (?:данных|информации)|\bответ\s*(?:[:—–-]\s*)?неизвест",
    re.I,
)
_CONCLUDES = re.compile(
    r"^\W*(?:so in total|therefore|thus|hence|in total|altogether|in conclusion|total|итого|значит"
    r"|таким образом|следовательно|всего|в итоге)\b|\b(?:in total|altogether)\W*$",
    re.I,
)
_REMARK = re.compile(
    r"\b(?:i|we)\s+(?:used|needed|took|did|solved|checked|hope|did it)\b"
    r"|\bthis (?:took|required|used)|\bhope this|\blet me know"
    r"|^\W*(?:note|check(?:ing|ed)?|verif(?:y|ied|ication)|confidence|проверка|примечание)\b"
    r"|\bя (?:использовал|сделал|решил)|\bпотребовал|\bнадеюсь",
    re.I,
)
_SO = re.compile(
    r"\W*(?:so|therefore|thus|hence|this means|in total|altogether|in conclusion|overall|finally"
    r"|итак|значит|таким образом|следовательно|всего|в итоге|поэтому)\b",
    re.I,
)
_COMPUTES = re.compile(
    r"[=≈]|\b(?:equals?|plus|minus|times|divided|multipl\w+|subtract\w*|add(?:ing|s)?|get"
    r"|gives?|difference|so|now|получ\w+|поэтому|значит)\b",
    re.I,
)
_NEAR, _WINDOW, _SHORT = 120, 1200, 3
_AGAIN = re.compile(r"^[ \t]*(?:A|О)\s?:", re.M)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")


@dataclass(frozen=True)
class Answer:
    """What a text answers."""

    value: Fraction | None
    how: How = "none"
    why: Why = ""
    """Why there is no value."""
    words: str = ""
    """The words that were read."""


Extractor = Callable[[str, str, str], Answer]
"""Text, question and finish reason ("" where it is not known) to its answer."""


@dataclass(frozen=True)
class _Statement:
    """One place where an answer is said outright."""

    value: Fraction | None
    """None where what is said is no single number."""
    start: int
    end: int
    words: str
    opening: bool = False
    """A label at the very beginning, which may open a solution as well as say its result."""


def declared(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The answer by the declared rule; see the module."""
    body, context = _body(text, question)
    if not body.strip():
        return Answer(None, why="empty")
    if own := _own(body, list(_statements(body, context)), question):
        return _last(body, own, finish_reason, context)
    return _unsaid(texts.until_next(text, question), body, context, finish_reason)


def stated(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """Only what is said outright, the last one; nothing is concluded."""
    body, context = _body(text, question)
    return _of_statements(_own(body, list(_statements(body, context)), question)[-1:])


def first_stated(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The first thing said outright: the usual rule for base models that run on."""
    return _of_statements(list(_statements(*_body(text, question)))[:1])


def _of_statements(one: Sequence[_Statement]) -> Answer:
    return _answer(one[0].value, "stated", one[0].words) if one else Answer(None, why="no_number")


def last_number(text: str, question: str = "", finish_reason: str = "") -> Answer:
    """The last number of the text, whatever it is: the lenient rule of many tools."""
    body, context = _body(text, question)
    there = numbers(body, context)
    if not there:
        return Answer(None, why="no_number")
    return _answer(there[-1].value, "last_number", body[there[-1].start : there[-1].end])


EXTRACTORS: dict[str, Extractor] = {
    "declared": declared,
    "stated": stated,
    "first_stated": first_stated,
    "last_number": last_number,
}
"""Name to extractor; `declared` scores."""


def body_of(text: str, question: str = "") -> str:
    """The answer itself as plain text: what the extractors read."""
    own = texts.both_ends(texts.until_next(text, question))
    return texts.without_marks(texts.plain(texts.with_boxes_said(own)))


@lru_cache(maxsize=8)
def _body(text: str, question: str) -> tuple[str, Context]:
    body = body_of(text, question)
    return body, context_of(body, question)


@lru_cache(maxsize=256)
def _read_words(words: str, context: Context) -> tuple[bool, Fraction | None, bool]:
    """Whether the words of a statement hold a number, which one, and whether they begin with it."""
    if not says_number(words, context):
        return False, None, False
    return True, read(words, context), is_direct(words, context)


def _statements(body: str, context: Context) -> Iterator[_Statement]:
    """All statements of a plain text, in order; `40 000` is one number there in any language."""
    context = replace(context, spaces=True)
    last_figure = max(map(body.rfind, "0123456789"))
    beginning = re.compile(r"[ \t\n#>*]*").match(body)
    matches = list(_STATEMENT.finditer(body))
    ends = [*(match.start() for match in matches[1:]), len(body)]
    for match, limit in zip(matches, ends, strict=False):
        line_start = body.rfind("\n", 0, match.start()) + 1
        before = body[max(line_start, match.start() - _NEAR) : match.start()]
        start, words = _first_sentence(body, match.end(), min(match.end() + _WINDOW, limit))
        if (
            _SUPPOSED.search(before)
            or (
                match["hash"] is not None
                and not _is_result(body[match.end() : match.end() + _WINDOW])
            )
            or (match["inline"] is not None and _HASH_HEADING.match(body, match.end()))
            or (not words or words.endswith("?"))
        ):
            continue
        says, value, direct = _read_words(words, context)
        if not says:
            continue
        end = start + len(words)
        label = any(match[name] is not None for name in _LABELS)
        spoken = re.search(r"\b(?:is|are|was)\s*:?$", match[0], re.I) is not None
        # "The answer is" above a whole calculation opens it too, as a label such as `A:` does.
        above = "\n" in body[match.end() : start]
        opens = label and not spoken
        if opens or (above and spoken and not label and not direct):
            if not (value is not None and direct) and end <= last_figure:
                continue
            opens = label and beginning is not None and match.start() <= beginning.end()
        yield _Statement(value, match.start(), end, words, opens)


def _first_sentence(body: str, start: int, limit: int) -> tuple[int, str]:
    """Place and words of the first sentence behind a trigger, on its line or the next three."""
    place = start
    for line in body[start:limit].split("\n")[:4]:
        # "No. 5" and "$ 18" may leave a first piece without a letter or figure.
        if words := next((part for part in sentences(line) if re.search(r"\w", part)), ""):
            return max(body.find(words, place, limit), place), words
        place += len(line) + 1
    return start, ""


def _is_result(line: str) -> bool:
    """Whether `####` marks a result and not a heading."""
    line = line.partition("\n")[0].strip()
    return not _HASH_HEADING.match(line) and _HASH_LINE.match(sentences(line)[0]) is not None


def _own(body: str, said: Sequence[_Statement], question: str) -> list[_Statement]:
    """Statements about this question: none behind a new `A:` or question that a model made up."""
    if said and (again := _AGAIN.search(body, said[0].end)):
        said = [one for one in said if one.start < again.start()]
    if not said or texts.next_question(body[: said[0].start]):
        return list(said)
    end = said[0].end
    other = texts.next_question(body, question, end)
    return [one for one in said if one.start <= end or not other or one.start < other.end()]


def _last(body: str, said: Sequence[_Statement], finish_reason: str, context: Context) -> Answer:
    last = said[-1]
    for one in said[:-1]:  # `25%` and then `1/4`: one answer in two forms, which GSM8K counts as 25
        same = one.value is not None and one.value == 100 * (last.value or 0)
        if same and re.search(r"\d\s?%", one.words):
            last = one
            break
    if len({one.value for one in said}) > 2 and texts.looped(body):
        return Answer(None, why="looped", words=last.words)
    if finish_reason == CUT_REASON and not body[last.end :].strip() and last.words[-1:].isalnum():
        return Answer(None, why="cut", words=last.words)
    if last.opening:
        return _opened(last.value, last.words, sentences(body[last.end :]), context)
    return _answer(last.value, "stated", last.words)


def _opened(value: Fraction | None, words: str, later: Sequence[str], context: Context) -> Answer:
    """An opening number, unless the solution behind it ends in an equation or a conclusion."""
    if (end := _ending(later, context)) and ("=" in end or _CONCLUDES.search(end)):
        return _answer(read(end, context), "concluded", end)
    return _answer(value, "opening", words)


def _unsaid(text: str, body: str, context: Context, finish_reason: str) -> Answer:
    said = sentences(body)
    if _REFUSED.search(" ".join(said[-2:])):
        return Answer(None, why="refused")
    if texts.thinks(text):
        return Answer(None, why="cut")
    if len(said) > 1 and is_direct(said[0], context) and len(said[0].split()) <= 4:
        return _opened(read(said[0], context), said[0], said[1:], context)
    if texts.looped(body):
        return Answer(None, why="looped")
    whole = texts.without_stub(body)
    if whole != body and not texts.unfinished(whole):
        said = sentences(whole)
    elif finish_reason == CUT_REASON or texts.unfinished(body):
        return Answer(None, why="cut")
    return _bold(text, context) or _concluded(said, context)


def _bold(text: str, context: Context) -> Answer | None:
    """The last bold number of the last paragraph."""
    for bold in reversed(_BOLD.findall(re.split(r"\n\s*\n", text)[-1])):
        words = texts.plain(bold).strip()
        said = not words.endswith(":") and (len(words.split()) <= _SHORT or re.search(r"\d", words))
        if said and (value := read(words, context)) is not None:
            return Answer(value, "bold", words=words)
    return None


def _concluded(said: Sequence[str], context: Context) -> Answer:
    if (end := _ending(said, context)) is not None:
        how: How = "concluded" if _CONCLUDES.search(end) else "last_sentence"
        return _answer(read(end, context), how, end)
    if len(said) == 1 and (value := read(said[0], context)) is not None:
        return Answer(value, "last_sentence", words=said[0])
    return Answer(None, why="no_number")


def _ending(said: Sequence[str], context: Context) -> str | None:
    """The last sentence that is no remark and no question, and has a number.

    In digits, or in words where it concludes with them. A conclusion, or the first of them, comes
    before a later detail that says less of what was asked, or speaks of another period.
    """
    there = [
        one
        for one in said
        if not (one.endswith("?") or _REMARK.search(one))
        and (numbers(one, context) or (_CONCLUDES.search(one) and read(one, context) is not None))
    ]
    if not there:
        return None
    *before, last = there
    detail = len(last.split()) > _SHORT and not _COMPUTES.search(last)
    if detail and not (_SO.match(last) or _CONCLUDES.search(last)):
        for one in reversed(before[-2:]):
            concludes = _SO.match(one) is not None
            more = agreement(one, context.asks) - agreement(last, context.asks)
            other_period = in_scope([one, last], context.asks) == [one]
            if (concludes or one is said[0]) and (other_period or more >= 2 - concludes):
                return one
    return last


def _answer(value: Fraction | None, how: How, words: str) -> Answer:
    return Answer(value, how, "" if value is not None else "not_one_number", words)

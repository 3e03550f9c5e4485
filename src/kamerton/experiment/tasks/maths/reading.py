"""The one number that a statement says: what stands behind "The answer is".

In this order: what stands behind the last equals sign; the first number, where nothing but filling
words stands before it; the only number left when times ("after 3 days") and rates ("at $2 each")
are passed over; the last number. A range, a list of two answers and arithmetic that was not carried
out say no single number, so there is none.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from kamerton.experiment.tasks.maths.number_words import in_words
from kamerton.experiment.tasks.maths.numerals import Number, Style, numbers
from kamerton.experiment.tasks.maths.units import joined

_EQUALS = re.compile(
    r"=+|≈|→|\b(?:equals?|equal to|which (?:is|equals|gives|makes|means)|that is|это"
    r"|равно|равняется"
    r"|получается|составляет)\b",
    re.I,
)
_FILLING = re.compile(
    r"(?:[\s\"'«“(\[{:;,.*>|#~≈$-]|\b(?:about|approximately|approx|roughly|around|exactly|only|just"
    r"|simply|equal|equals|to|the|a|an|total|of|is|be|it|that|they|she|he|so|now|therefore|then"
    r"|number|nearly|almost|at least|at most|clearly|indeed|also|still|option|will be|would be"
    r"|примерно|около|приблизительно|ровно|всего|именно|это|число|равен|равно|равна|итого|будет"
    r"|составляет|что)\b|\(?\b[A-Ea-e]\)|\b[a-zA-Z]\s*=)*",
    re.I,
)
_OPERATOR = re.compile(
    r"\s*(?:[+*×÷^]|/(?=\s*[\d$(])|[-–—](?=\s?[\d$(])|[xх](?=\s?[\d$(]))\s?[\d$(]"
    r"|(?:\s+[^\W\d]+){0,3}\s+(?:times|multiplied by|divided by|plus|minus|умножить на|разделить на"
    r"|плюс|минус)\s+\$?\d"
)
_OTHER = re.compile(
    r"\s?%?\s*(?:[-–—]|\b(?:to|or|or maybe|and|through|или|либо|до|и)\b|,)\s*[$€£]?(?=-?\d)",
    re.I,
)
_LIST_END = re.compile(r"\s*(?:$|[.,;)\]]|and\b|or\b|и\b|или\b)")
_REASON = re.compile(
    r"\d[^=]*?(,?\s\b(?:because|since|потому что|так как|поскольку)\b.*)", re.I | re.S
)
_RANGE = re.compile(
    r"\b(?:between|either|from|от)\s+[$€£]?[\d.,]+\s*[^\s\d]{0,12}\s*(?:and|or|to|до|или)\s+[$€£]?\d",
    re.I,
)
_TIME = (
    r"(?:more |full |whole |the |next |first |last )?(?:day|week|month|year|hour|minute"
    r"|second|дн|день"
    r"|недел|месяц|год|лет|час|минут|секунд|сут)"
)
_PASSED_OVER_BEFORE = re.compile(
    r"(?:\b(?:in|after|for|within|over|during|every|by|за|через|в|на|спустя|каждые)\s"
    r"(?:the\s|all\s|these\s|those\s|первые\s|эти\s|все\s)?(?P<time>(?:first|next|last)\s)?"
    r"|(?P<rate>\b(?:at|per|than|each of|each of the|чем|по)\s))$",
    re.I,
)
_NOT = re.compile(
    r"\b(?:not|не)\s+(?:just\s+|only\s+)?[$€£]?[\d.,]*\d%?(?:\s+[^\W\d]+)?,?\s*(?:but|а|но)?", re.I
)


def read(statement: str, style: Style) -> Fraction | None:
    """The number that a plain statement says, or None where it says none or several."""
    statement = _NOT.sub(" ", statement)
    if reason := _REASON.search(statement):
        statement = statement[: reason.start(1)]
    parts = _EQUALS.split(statement)
    for part in [*reversed(parts[1:]), parts[0]] if len(parts) > 1 else parts:
        found = numbers(part, style)
        if found and (len(parts) == 1 or not _OPERATOR.match(part, found[0].end)):
            return _chosen(part, found, style)
    return None if any(numbers(part, style) for part in parts) else _spoken(statement)


def says_number(statement: str, style: Style) -> bool:
    """Whether a statement holds any number, readable or not."""
    return bool(numbers(statement, style)) or _spoken(statement) is not None


def is_direct(statement: str, style: Style) -> bool:
    """Whether a number, and no arithmetic, stands at the beginning of the statement."""
    found = numbers(statement, style)
    if not found:
        return _spoken(statement) is not None and len(statement.split()) <= 4
    first = found[0]
    before = _FILLING.match(statement, 0, first.start)
    return before is not None and before.end() == first.start and not _EQUALS.search(statement)


def _chosen(part: str, found: Sequence[Number], style: Style) -> Fraction | None:
    if _RANGE.search(part):
        return None
    before = _FILLING.match(part, 0, found[0].start)
    if before is not None and before.end() == found[0].start:
        return _one(part, found, 0, style)
    own = [place for place in range(len(found)) if not _is_aside(part, found[place])]
    candidates = own or list(range(len(found)))
    amount = _one(part, found, candidates[-1], style)
    if len(candidates) > 1 and candidates[-2] == candidates[-1] - 1:
        pair = joined(part, found[candidates[-2]], found[candidates[-1]], style.unit)
        return amount if pair is None else pair
    return amount


def _one(part: str, found: Sequence[Number], place: int, style: Style) -> Fraction | None:
    """The number at `place`, unless it is half of a range, a list or a sum not carried out."""
    number = found[place]
    following = found[place + 1] if place + 1 < len(found) else None
    if following and (amount := joined(part, number, following, style.unit)) is not None:
        return amount
    if _OPERATOR.match(part, number.end):
        return None
    if following and _is_alternative(part, number, following):
        return None
    return number.value


def _is_alternative(part: str, number: Number, following: Number) -> bool:
    """Whether `18 or 20`, `18-20`, `18, 20.`: another number in the place of this one."""
    link = _OTHER.match(part, number.end)
    if not link or link.end() < following.start or number.value == following.value:
        return False
    return "," not in link[0] or _LIST_END.match(part, following.end) is not None


def _is_aside(part: str, number: Number) -> bool:
    """Whether a number is a time or a rate: `after 3 days`, `at $2 each`."""
    before = _PASSED_OVER_BEFORE.search(part[: number.start])
    if not before:
        return False
    return bool(before["rate"] or re.match(rf"\s?{_TIME}", part[number.end :], re.I))


def _spoken(statement: str) -> Fraction | None:
    """The only number in words; `one` counts only where it is all that is said."""
    found = in_words(statement)
    sure = {value for value, pronoun in found if not pronoun}
    if not sure and found and len(statement.split()) <= 3:
        sure = {value for value, _ in found}
    return Fraction(sure.pop()) if len(sure) == 1 else None

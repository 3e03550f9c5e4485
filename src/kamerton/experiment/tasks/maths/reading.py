"""The one number that a statement says: what stands behind "The answer is".

In this order: what stands behind the last equals sign; the first number, where nothing but filling
words stands before it; else the last number when these are passed over, as long as one is left:
times ("after 3 days") and rates ("at $2 each"), what stands behind "if" or "when", what money is
paid for ("$12 for 5 apples"), and numbers that the question has given. A range, a list of two
answers and arithmetic that was not carried out say no single number, so there is none.
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
_TWO_THINGS = re.compile(r"(?:\s+[^\W\d]+){1,2},?\s+(?:and|и)\s+", re.I)
_ONE_THING = re.compile(r"(?:\s+[^\W\d]+){1,2}\W*")
_ASKED_WORDS = 8
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
_CONDITION = re.compile(
    r"\(|\b(?:if|when|assuming|given that|(?:by|from|after) [a-z]+ing|если|когда|при условии)\b",
    re.I,
)
"""What stands behind these words, behind an amount, says on which terms."""
_TOTAL = re.compile(r"\ba total of (?:about |only |just )?(?=[$€£]?\d)", re.I)
_KNOWN = re.compile(
    r"\b(?:the|these|those|his|her|their|its|remaining|\w+['’]s|оставши\w+|эти\w?)"
    r"\s+(?:other |remaining )?$",
    re.I,
)
_HOW_MANY = re.compile(r"(?:how many|сколько)((?:\s+[\w-]+){1,3})", re.I)
_COUNTED = re.compile(r"(?:\s+[^\W\d]+){1,3}")
_NO_THINGS = "more less fewer the does did and are will can would total each have for"
_NOT_COUNTED = frozenset(_NO_THINGS.split())
_NAME = re.compile(
    r"\b(?:option|step|day|week|month|year|venue|case|plan|part|no\.?|number|store|room|line|method"
    r"|вариант\w*|шаг\w*|номер\w*|день|недел\w+)\s+#?$",
    re.I,
)
_WORDS_ONLY = re.compile(r"[^.,;:()=]*")
_BOUGHT = re.compile(r"[^,;=\d]{0,24}?\b(?:for|за)\s+(?=\d)", re.I)
_PARTS = ("", "", "", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SPOKEN_FRACTION = re.compile(rf"([^\W\d_]+)[- ]({'|'.join(_PARTS[3:])})s?\b", re.I)
_MINUS = re.compile(r"\W*(?:minus|negative|минус)\s+[^\W\d]", re.I)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b|\b\d{{1,2}}\s+{_MONTH},?\s+\d{{4}}\b",
    re.I,
)
_SPOKEN_MONEY = re.compile(
    r"(\D+?)\s+(?:dollars?|рубл\w+),?\s+(?:and\s+|и\s+)?(\D+?)\s+(?:cents?|копе\w+)\b\W*", re.I
)
_PLAIN = Style()
_NOT = re.compile(
    r"\b(?:not|не)\s+(?:just\s+|only\s+)?[$€£]?[\d.,]*\d%?(?:\s+[^\W\d]+)?,?\s*(?:but|а|но)?", re.I
)


def read(statement: str, style: Style) -> Fraction | None:
    """The number that a plain statement says, or None where it says none or several."""
    statement = _DATE.sub(" ", _NOT.sub(" ", statement))
    if reason := _REASON.search(statement):
        statement = statement[: reason.start(1)]
    parts = _EQUALS.split(statement)
    for part in [*reversed(parts[1:]), parts[0]] if len(parts) > 1 else parts:
        found = numbers(part, style)
        if found and (len(parts) == 1 or not _OPERATOR.match(part, found[0].end)):
            return _chosen(part, found, style)
    return None if any(numbers(part, style) for part in parts) else _spoken(statement, style)


def says_number(statement: str, style: Style) -> bool:
    """Whether a statement holds any number, readable or not."""
    return bool(numbers(statement, style)) or _spoken(statement, style) is not None


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
    first = before is not None and before.end() == found[0].start
    total = _total(part, found, style)
    if total is None and first and not _is_subject(part, found, style):
        return _one(part, found, 0, style)
    place = _candidates(part, found, style)[-1] if total is None else total
    if place:
        pair = joined(part, found[place - 1], found[place], style.unit)
        return _one(part, found, place, style) if pair is None else pair
    return _one(part, found, place, style)


def _total(part: str, found: Sequence[Number], style: Style) -> int | None:
    """The place of a new number behind `a total of`."""
    said = _TOTAL.search(part)
    for place, number in enumerate(found):
        if said and number.start >= said.end():
            known = style.given and number.value in style.given[-1]
            return None if known else place
    return None


def _is_asked(part: str, number: Number, style: Style) -> bool:
    """Whether a new number counts what the question asks for: `how many days` and `2 days`."""
    asked = _HOW_MANY.findall(style.unit)
    if not asked or (style.given and number.value in style.given[-1]):
        return False
    words = _COUNTED.match(part, number.end)
    told = set(words[0].casefold().split()) if words else set()
    return bool(told & set(re.findall(r"[^\W\d]{3,}", asked[-1])) - _NOT_COUNTED)


def _is_subject(part: str, found: Sequence[Number], style: Style) -> bool:
    """Whether `96 potatoes can make 576 rolls`, asked how many 96 make: a new number follows."""
    if not style.given or len(found) < 2 or found[0].value not in style.given[0]:
        return False
    between = part[found[0].end : found[1].start]
    return found[1].value not in style.given[0] and _WORDS_ONLY.fullmatch(between) is not None


def _candidates(part: str, found: Sequence[Number], style: Style) -> list[int]:
    """The places of the numbers that may be the answer: never none of them."""
    places = list(range(len(found)))
    own = [place for place in places if not _is_aside(part, found[place])] or places
    named = [place for place in places if _is_asked(part, found[place], style)]
    if len(named) == 1:
        return named
    ending = _CONDITION.search(part, found[own[0]].end)
    if ending:
        own = [place for place in own if found[place].start < ending.start()]
    paid = [place for place in own if found[place].money]
    if paid and (_BOUGHT.match(part, found[own[0]].end) or "how much" in style.unit):
        own = paid
    for given in style.given:
        own = [place for place in own if found[place].value not in given] or own
    return [place for place in own if not _KNOWN.search(part[: found[place].start])] or own


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
    if following and _is_pair(part, number, following):
        return _asked_of_two(part, number, following, style)
    return number.value


def _is_alternative(part: str, number: Number, following: Number) -> bool:
    """Whether `18 or 20`, `18-20`, `18, 20.`: another number in the place of this one."""
    link = _OTHER.match(part, number.end)
    if not link or link.end() < following.start or number.value == following.value:
        return False
    return "," not in link[0] or _LIST_END.match(part, following.end) is not None


def _is_pair(part: str, number: Number, following: Number) -> bool:
    """Whether `120 socks and 180 dishes`: two amounts, each of a thing of its own."""
    return bool(
        _TWO_THINGS.fullmatch(part, number.end, following.start)
        and _ONE_THING.fullmatch(part, following.end)
    )


def _asked_of_two(part: str, number: Number, following: Number, style: Style) -> Fraction | None:
    """The one of two amounts whose thing the question names at its end; None where both or none."""
    if number.value == following.value:
        return number.value
    asked = re.findall(r"[^\W\d]+", style.unit)[-_ASKED_WORDS:]
    things = (part[number.end : following.start], part[following.end :])
    named = [
        any(word in asked and word != "and" for word in re.findall(r"[^\W\d]{3,}", told.casefold()))
        for told in things
    ]
    return None if named[0] == named[1] else (number, following)[named[1]].value


def _is_aside(part: str, number: Number) -> bool:
    """Whether a number is a time, a rate or a name: `after 3 days`, `at $2 each`, `Option 1`."""
    if not number.money and _NAME.search(part[: number.start]):
        return True
    before = _PASSED_OVER_BEFORE.search(part[: number.start])
    if not before:
        return False
    return bool(before["rate"] or re.match(rf"\s?{_TIME}", part[number.end :], re.I))


def _spoken(statement: str, style: Style = _PLAIN) -> Fraction | None:
    """The only number in words; `one` counts only where it is all that is said."""
    if money := _SPOKEN_MONEY.fullmatch(statement):
        parts = [in_words(part) for part in money.groups()]
        if all(len(part) == 1 for part in parts):
            return parts[0][0][0] + parts[1][0][0] / 100
    part = _SPOKEN_FRACTION.search(statement)
    if part and (above := in_words(part[1])):
        return above[-1][0] / _PARTS.index(part[2].casefold())
    found = in_words(statement)
    if found and _MINUS.match(statement):
        found = [(-found[0][0], found[0][1]), *found[1:]]
    sure = {value for value, pronoun in found if not pronoun}
    if not sure and found and len(statement.split()) <= 3:
        sure = {value for value, _ in found}
    for given in style.given:
        sure = (sure - given) or sure
    return sure.pop() if len(sure) == 1 else None

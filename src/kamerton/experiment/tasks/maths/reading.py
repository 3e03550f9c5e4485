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

from kamerton.experiment.tasks.maths.numbers import Number, Style, in_words, numbers

_EQUALS = re.compile(
    r"=+|≈|→|\b(?:equals?|equal to|which (?:is|equals|gives|makes|means)|that is|это|равно"
    r"|равняется|получается|составляет)\b",
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
    r"\s?%?\s*(?:[-–—]|\b(?:to|or|or maybe|and|through|или|либо|до|и)\b|,)\s*[$€£]?(?=-?\d)", re.I
)
_LIST_END = re.compile(r"\s*(?:$|[.,;)\]]|and\b|or\b|и\b|или\b)")
_TWO_THINGS = re.compile(r"(?:\s+[^\W\d]+){1,2},?\s+(?:and|и)\s+", re.I)
_ONE_THING = re.compile(r"(?:\s+[^\W\d]+){1,2}\W*")
_ASKED_WORDS = 8
_REASON = re.compile(
    r"\d[^=]*?(,?\s\b(?:because|since|потому что|так как|поскольку)\b.*)", re.I | re.S
)
_RANGE = re.compile(
    r"\b(?:between|either|from|от)\s+[$€£]?[\d.,]+\s*[^\s\d]{0,12}\s*(?:and|or|to|до|или)\s+[$€£]?\d",
    re.I,
)
_TIME = re.compile(
    r"\s?(?:more |full |whole |the |next |first |last )?(?:day|week|month|year|hour|minute|second"
    r"|дн|день|недел|месяц|год|лет|час|минут|секунд|сут)",
    re.I,
)
_ASIDE = re.compile(
    r"(?:\b(?:in|after|for|within|over|during|every|by|за|через|в|на|спустя|каждые)\s"
    r"(?:the\s|all\s|these\s|those\s|первые\s|эти\s|все\s)?(?:(?:first|next|last)\s)?"
    r"|(?P<rate>\b(?:at|per|than|each of|each of the|чем|по)\s))$",
    re.I,
)
_NAME = re.compile(
    r"\b(?:option|step|day|week|month|year|venue|case|plan|part|no\.?|number|store|room|line|method"
    r"|вариант\w*|шаг\w*|номер\w*|день|недел\w+)\s+#?$",
    re.I,
)
_CONDITION = re.compile(
    r"\(|\b(?:if|when|assuming|given that|(?:by|from|after) [a-z]+ing|если|когда|при условии)\b",
    re.I,
)
"""What stands behind these words, behind an amount, says on which terms."""
_TOTAL = re.compile(r"\ba total of (?:about |only |just )?(?=[$€£]?\d)", re.I)
_DEFINITE = re.compile(
    r"\b(?:the|these|those|his|her|their|its|remaining|\w+['’]s|оставши\w+|эти\w?)"
    r"\s+(?:other |remaining )?$",
    re.I,
)
_BOUGHT = re.compile(r"[^,;=\d]{0,24}?\b(?:for|за)\s+(?=\d)", re.I)
_HOW_MANY = re.compile(r"(?:how many|сколько)((?:\s+[\w-]+){1,3})", re.I)
_COUNTED = re.compile(r"(?:\s+[^\W\d]+){1,3}")
_NO_THINGS = "more less fewer the does did and are will can would total each have for"
_NOT_COUNTED = frozenset(_NO_THINGS.split())
_LONG_WORD = re.compile(r"[^\W\d]{3,}")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b|\b\d{{1,2}}\s+{_MONTH},?\s+\d{{4}}\b",
    re.I,
)
_NOT = re.compile(
    r"\b(?:not|не)\s+(?:just\s+|only\s+)?[$€£]?[\d.,]*\d%?(?:\s+[^\W\d]+)?,?\s*(?:but|а|но)?", re.I
)
_PARTS = ("", "", "", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SPOKEN_FRACTION = re.compile(rf"([^\W\d_]+)[- ]({'|'.join(_PARTS[3:])})s?\b", re.I)
_SPOKEN_MONEY = re.compile(
    r"(\D+?)\s+(?:dollars?|рубл\w+),?\s+(?:and\s+|и\s+)?(\D+?)\s+(?:cents?|копе\w+)\b\W*", re.I
)
_MINUS = re.compile(r"\W*(?:minus|negative|минус)\s+[^\W\d]", re.I)
_TWO_UNITS = (
    (r"dollars?|доллар\w*|\$", r"cents?|цент\w*", 100),
    (r"рубл\w*|руб|₽", r"копе\w*|коп", 100),
    (r"euros?|евро|€", r"cents?|цент\w*", 100),
    (r"pounds?|£", r"pence|p", 100),
    (r"hours?|hrs?|час\w*|ч", r"minutes?|mins?|минут\w*|мин", 60),
    (r"minutes?|mins?|минут\w*|мин", r"seconds?|secs?|секунд\w*|сек", 60),
    (r"days?|дн\w*|день|сут\w*", r"hours?|час\w*", 24),
    (r"weeks?|недел\w*", r"days?|дн\w*|день", 7),
    (r"years?|год\w*|лет", r"months?|месяц\w*", 12),
    (r"feet|foot|ft|'", r"inch(?:es)?|in|\"", 12),
    (r"pounds?|lbs?", r"ounces?|oz", 16),
    (r"kilometers?|kilometres?|km|километр\w*|км", r"meters?|metres?|m|метр\w*|м", 1000),
    (r"meters?|metres?|m|метр\w*|м", r"centimeters?|centimetres?|cm|сантиметр\w*|см", 100),
    (r"kilograms?|kg|килограмм\w*|кг", r"grams?|g|грамм\w*|г", 1000),
)
"""Larger unit, smaller unit, and how many of these it has: `5 dollars and 50 cents`."""
_JOIN = r"(?:\s*,)?(?:\s*(?:and|и))?\s*"
_PLAIN = Style()


def read(statement: str, style: Style) -> Fraction | None:
    """The number that a plain statement says, or None where it says none or several."""
    statement = _DATE.sub(" ", _NOT.sub(" ", statement))
    if reason := _REASON.search(statement):
        statement = statement[: reason.start(1)]
    first, *sides = _EQUALS.split(statement)
    digits = False
    for part in [*reversed(sides), first]:
        there = numbers(part, style)
        if there and not (sides and _OPERATOR.match(part, there[0].end)):
            return _chosen(part, there, style)
        digits = digits or bool(there)
    return None if digits else _spoken(statement, style)


def says_number(statement: str, style: Style) -> bool:
    """Whether a statement holds any number, readable or not."""
    return bool(numbers(statement, style)) or _spoken(statement, style) is not None


def is_direct(statement: str, style: Style) -> bool:
    """Whether a number, and no arithmetic, stands at the beginning of the statement."""
    there = numbers(statement, style)
    if not there:
        return _spoken(statement) is not None and len(statement.split()) <= 4
    return _opens(statement, there[0]) and not _EQUALS.search(statement)


def _opens(part: str, number: Number) -> bool:
    """Whether nothing but filling words stands before a number."""
    before = _FILLING.match(part, 0, number.start)
    return before is not None and before.end() == number.start


def _chosen(part: str, there: Sequence[Number], style: Style) -> Fraction | None:
    """What a part with numbers in digits says."""
    if _RANGE.search(part):
        return None
    place = _place_of_total(part, there, style)
    if place is None:
        if _opens(part, there[0]) and not _is_subject(part, there, style):
            return _amount(part, there, 0, style)
        place = _candidates(part, there, style)[-1]
    if place:
        pair = _joined(part, there[place - 1], there[place], style.unit)
        if pair is not None:
            return pair
    return _amount(part, there, place, style)


def _place_of_total(part: str, there: Sequence[Number], style: Style) -> int | None:
    """The place of a new number behind `a total of`."""
    if total := _TOTAL.search(part):
        for place, number in enumerate(there):
            if number.start >= total.end():
                return None if _is_given(number, style) else place
    return None


def _is_given(number: Number, style: Style) -> bool:
    """Whether the question names the number."""
    return bool(style.given) and number.value in style.given[-1]


def _is_subject(part: str, there: Sequence[Number], style: Style) -> bool:
    """Whether `96 potatoes can make 576 rolls`, asked how many 96 make: a new number follows."""
    if not style.given or len(there) < 2 or there[0].value not in style.given[0]:
        return False
    between = part[there[0].end : there[1].start]
    return there[1].value not in style.given[0] and not re.search(r"[.,;:()=]", between)


def _candidates(part: str, there: Sequence[Number], style: Style) -> list[int]:
    """The places of the numbers that may be the answer: never none of them."""
    everywhere = range(len(there))
    counted = [place for place in everywhere if _counts_what_is_asked(part, there[place], style)]
    if len(counted) == 1:
        return counted
    places = [n for n in everywhere if not _is_aside(part, there[n])] or list(everywhere)
    if terms := _CONDITION.search(part, there[places[0]].end):
        places = [place for place in places if there[place].start < terms.start()]
    paid = [place for place in places if there[place].money]
    if paid and (_BOUGHT.match(part, there[places[0]].end) or "how much" in style.unit):
        places = paid
    for given in style.given:
        places = [place for place in places if there[place].value not in given] or places
    return [n for n in places if not _DEFINITE.search(part[: there[n].start])] or places


def _counts_what_is_asked(part: str, number: Number, style: Style) -> bool:
    """Whether a new number counts what the question asks for: `how many days` and `2 days`."""
    asked = _HOW_MANY.findall(style.unit)
    things = _COUNTED.match(part, number.end)
    if not asked or not things or _is_given(number, style):
        return False
    wanted = set(_LONG_WORD.findall(asked[-1])) - _NOT_COUNTED
    return bool(wanted & set(things[0].casefold().split()))


def _is_aside(part: str, number: Number) -> bool:
    """Whether a number is a time, a rate or a name: `after 3 days`, `at $2 each`, `Option 1`."""
    if not number.money and _NAME.search(part[: number.start]):
        return True
    before = _ASIDE.search(part[: number.start])
    return bool(before and (before["rate"] or _TIME.match(part, number.end)))


def _amount(part: str, there: Sequence[Number], place: int, style: Style) -> Fraction | None:
    """The number at `place`, unless it is half of a range, a list or a sum not carried out."""
    number = there[place]
    following = there[place + 1] if place + 1 < len(there) else None
    if following and (joined := _joined(part, number, following, style.unit)) is not None:
        return joined
    if _OPERATOR.match(part, number.end):
        return None
    if following is None or number.value == following.value:
        return number.value
    link = _OTHER.match(part, number.end)  # `18 or 20`, `18-20`, `18, 20.`
    is_other = link is not None and link.end() >= following.start
    if link and is_other and ("," not in link[0] or _LIST_END.match(part, following.end)):
        return None
    things = (part[number.end : following.start], part[following.end :])
    if _TWO_THINGS.fullmatch(things[0]) and _ONE_THING.fullmatch(things[1]):
        # `120 socks and 180 dishes`: the one whose thing the question names at its end
        asked = set(re.findall(r"[^\W\d]+", style.unit)[-_ASKED_WORDS:]) - {"and"}
        first, second = (bool(asked & set(_LONG_WORD.findall(one.casefold()))) for one in things)
        return None if first == second else (following if second else number).value
    return number.value


def _joined(text: str, one: Number, other: Number, unit: str) -> Fraction | None:
    """The amount that two neighbours make in two units, or None where they make none.

    In the larger unit (5.5 dollars), or in the smaller one where the sentence that asks, `unit`,
    names it alone ("how many minutes": `1 hour 30 minutes` is 90).
    """
    if one.value is None or other.value is None or (one.money and other.money):
        return None
    between, behind = text[one.end : other.start], text[other.end :]
    for large, small, size in _TWO_UNITS:
        named = rf"(?:{large})?" if one.money else rf"(?:{large})(?!\w)"
        fits = re.fullmatch(rf"\s*{named}{_JOIN}", between, re.I)
        if fits and re.match(rf"\s*(?:{small})(?!\w)", behind, re.I):
            if not 0 <= other.value < size:
                return None
            asks = [re.search(rf"(?<!\w)(?:{name})(?!\w)", unit) for name in (large, small)]
            whole = one.value + other.value / size
            return whole * size if asks[1] and not asks[0] else whole
    return None


def _spoken(statement: str, style: Style = _PLAIN) -> Fraction | None:
    """The only number in words; `one` counts only where it is all that is said."""
    if money := _SPOKEN_MONEY.fullmatch(statement):
        whole, part = (in_words(words) for words in money.groups())
        if len(whole) == len(part) == 1:
            return whole[0][0] + part[0][0] / 100
    fraction = _SPOKEN_FRACTION.search(statement)
    if fraction and (above := in_words(fraction[1])):
        return above[-1][0] / _PARTS.index(fraction[2].casefold())
    words = in_words(statement)
    if words and _MINUS.match(statement):
        words = [(-words[0][0], words[0][1]), *words[1:]]
    values = {value for value, pronoun in words if not pronoun}
    if not values and len(statement.split()) <= 3:
        values = {value for value, _ in words}
    for given in style.given:
        values = (values - given) or values
    return values.pop() if len(values) == 1 else None

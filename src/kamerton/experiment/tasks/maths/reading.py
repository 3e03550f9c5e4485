"""The one number that a statement says: what stands behind "The answer is".

A statement is read in three steps. Its clauses that speak of another period, or of all where the
question asks of each, are left out. The clause behind the last equals sign becomes a row of
quantities: `1 hour 30 minutes` is one of them, and so are `18 or 20`, `18-20` and `5 + 3`, which
are none that could be told (value None). Then one is chosen: the first, where nothing but filling
words stands before it; else the last when these are passed over, as long as one is left: times
("after 3 days") and rates ("at $2 each"), what stands behind "if" or "when", what money is paid for
("$12 for 5 apples"), what is left over, and numbers that the question has given. Bounds and denied
numbers (`Number.ruled_out`) are never chosen.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from kamerton.experiment.tasks.maths.numbers import Context, Number, in_words, numbers
from kamerton.experiment.tasks.maths.scope import TERMS, agreement, in_scope
from kamerton.experiment.tasks.maths.units import HOW_MANY, in_asked_unit, measured, same_amount

_EQUALS = re.compile(
    r"=+|≈|→|(?<=\d)\s(?:is|gives|makes|leaves)\s(?=\$?\d[\d.,]*(?!\s\w+\sthan\b))"
    r"|\b(?:equals?|equal to|which (?:is|equals|gives|makes|means)|that is|это|то есть|т\.е|равно"
    r"|равняется|получается|составляет)\b",
    re.I,
)
_FILLING = re.compile(
    r"(?:[\s\"'«“(\[{:;,.*>|#~≈$-]|\b(?:about|approximately|approx|roughly|around|exactly|only|just"
    r"|simply|equal|equals|to|the|a|an|total|of|is|be|it|that|they|she|he|so|now|therefore|then"
    r"|number|nearly|almost|at least|at most|clearly|indeed|also|still|option|will be|would be"
    r"|примерно|около|приблизительно|ровно|всего|именно|это|число|равен|равно|равна|итого|будет"
    r"|составляет|что|не менее|не более|минимум|максимум)\b|\(?\b[A-Ea-e]\)|\b[a-zA-Z]\s*[=≥≤])*",
    re.I,
)
_OPERATOR = re.compile(
    r"\s*(?:[+*×÷^±]|/(?=\s*[\d$(])|[-–—](?=\s?[\d$(])|[xх](?=\s?[\d$(]))\s?[\d$(]"
    r"|(?:\s+[^\W\d]+){0,3}\s+(?:times|multiplied by|divided by|plus|minus|умножить на|разделить на"
    r"|плюс|минус)\s+\$?\d|(?:%|\s+percent|\s+процент\w*|(?<=/\d))\s+(?:of|от)\s+\$?\d"
)
_OPERATED = re.compile(
    r"(?:\b(?:half|twice|double|triple|(?:thirds?|quarters?|half) of|половин\w|трет\w|четверт\w"
    r"|вдвое|втрое)\s(?:of\s|от\s)?|[\w)]\s?[+*×÷]\s?|\)\s?[-/]\s?)[$€£]?$",
    re.I,
)
"""What stands before a number that is part of arithmetic which was not carried out."""
_LINK = re.compile(
    r"\s?%?\s*(?:[-–—]|\b(?:to|or|or maybe|and|through|или|либо|до|и)\b|,)\s*[$€£₽]?", re.I
)
_EITHER = re.compile(r"(?:\s+[^\W\d]+){1,2},?\s+(?:or|или|либо|to|до)\s+[$€£₽]?", re.I)
_LIST_END = re.compile(r"\s*(?:$|[.,;)\]]|and\b|or\b|и\b|или\b)")
_TWO_THINGS = re.compile(r"(?:\s+[^\W\d]+){1,2},?\s+(?:and|и)\s+", re.I)
_ONE_THING = re.compile(r"(?:\s+[^\W\d]+){1,2}\W*")
_ASKED_WORDS = 8
_REASON = re.compile(
    r"\d[^=]*?(,?\s\b(?:because|since|потому что|так как|поскольку)\b.*)", re.I | re.S
)
_BETWEEN = re.compile(r"\b(?:between|either|from|от|с)\s+[$€£₽]?$", re.I)
_BETWEEN_LINK = re.compile(
    r"(?:\s?[ap]\.?m\.?)?\s*[^\s\d]{0,12}\s*\b(?:and|or|to|до|и|или)\s+[$€£₽]?", re.I
)
_TIME = re.compile(
    r"\s?-?(?:more |full |whole |the |next |first |last )?(?:day|week|month|year|hour|minute|second"
    r"|дн|день|недел|месяц|год|лет|час|минут|секунд|сут)",
    re.I,
)
_ASIDE = re.compile(
    r"(?:\b(?:in|after|for|within|over|during|every|by|за|через|в|на|спустя|каждые)\s"
    r"(?:the\s|all\s|these\s|those\s|первые\s|эти\s|все\s)?(?:(?:first|next|last)\s)?"
    r"|(?P<rate>\b(?:at|per|than|each of|each of the|чем|по)\s)"
    r"|(?P<range>\b(?:from|between|от|с)\s))$",
    re.I,
)
_YEAR = re.compile(r"\b(?:by|in|since|until|before|after|of|year|в|к|с|до|после)\s$", re.I)
_NAME = re.compile(
    r"\b(?:option|step|day|week|month|year|venue|case|plan|part|no\.?|number|store|room|line|method"
    r"|вариант\w*|шаг\w*|номер\w*|день|недел\w+)\s+#?$",
    re.I,
)
_TOTAL = re.compile(r"\ba total of (?:about |only |just )?(?=[$€£]?\d)", re.I)
_DEFINITE = re.compile(
    r"\b(?:the|these|those|his|her|their|its|remaining|(?!(?:that|it|he|she|there|what)['’])\w+['’]s|оставши\w+|эти\w?)"
    r"\s+(?:other |remaining )?$",
    re.I,
)
_BOUGHT = re.compile(r"[^,;=\d]{0,24}?\b(?:for|за)\s+(?=\d)", re.I)
_COMPARED = re.compile(
    r"(?:\s+[^\W\d]+){0,2}\s+(?:more|less|fewer|\w+er)\s+than\b"
    r"|(?:\s+[^\W\d]+)?\s+(?:больше|меньше|старше|младше|дороже|дешевле|раньше|позже)\b",
    re.I,
)
_ASKS_COMPARED = re.compile(
    r"\b(?:more|less|fewer|difference|\w+er than|больше|меньше|старше|младше|дороже|дешевле|раньше"
    r"|позже|разниц)",
    re.I,
)
_LEFT_OVER = re.compile(
    r"(?:\s+[^\W\d]+){0,2}\s+(?:left(?: over)?|remain\w*|over|to spare|в остатке|остан\w+"
    r"|оста[её]т\w+)\b",
    re.I,
)
_LEAVES = re.compile(r"\b(?:with|leaving|and|remainder(?: of)?|r|остат\w+|и)\s+$", re.I)
_ASKS_LEFT = re.compile(r"\b(?:left|remain|over|остан|остал|остат)", re.I)
_COUNTED = re.compile(r"(?:\s+[^\W\d]+){1,3}")
_NO_THINGS = "more less fewer the does did and are will can would total each have for"
_NOT_COUNTED = frozenset(_NO_THINGS.split())
_LONG_WORD = re.compile(r"[^\W\d]{3,}")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_RU_MONTH = r"(?:январ|феврал|март|апрел|ма[яй]|июн|июл|август|сентябр|октябр|ноябр|декабр)\w*"
_DATE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b"
    rf"|\b\d{{1,2}}\s+(?:{_MONTH}|{_RU_MONTH}),?\s+\d{{4}}\b",
    re.I,
)
_MINUS = re.compile(r"\W*(?:minus|negative|минус)\s+[^\W\d]", re.I)
_MENDED = re.compile(
    r"\bhalf\s(?:as|that|what|this|those|these|of (?!an?\b|the\b|one\b|it\b))\b"
    r"|\b(?P<half>пол)(?=часа|года|дня|метра|литра|миллиона)",
    re.I,
)
"""Halves that are no number (`half as many`), or are written together with their unit."""
_SPOKEN_MONEY = re.compile(
    r"(\D+?)\s+(?:dollars?|рубл\w+),?\s+(?:and\s+|и\s+)?(\D+?)\s+(?:cents?|копе\w+)\b\W*", re.I
)
_ASSERTION = re.compile(
    r",?\s+(?:and|while|whereas|but|и|а|но)\s+(?=(?:(?!to\b)[^\W\d]\S*\s){1,5}"
    r"(?:is|are|was|were|has|have|had|gets?|got|weighs?|costs?|pays?|earns?|равн\w+|составля\w+)\b)",
    re.I,
)
_NEAR, _LONGEST = 80, 2000
_SO = re.compile(
    r"[,;]\s+(?:so(?!\s+that\b)|therefore|thus|hence|поэтому|значит|следовательно)\b", re.I
)
_TWO_UNKNOWNS = re.compile(
    r"\b([a-z])\s*=\s*[-$\d.,]*\d\s*(?:,|;|and|и)\s*(?:and\s)?(?!\1)[a-z]\s*=", re.I
)
_CLAUSE = re.compile(r"(?<=,)\s+|;\s+|\s+(?=(?:or|which|или|что)\b)|\s+(?=\()", re.I)


def read(statement: str, context: Context) -> Fraction | None:
    """The number that a plain statement says, or None where it says none or several."""
    statement = _DATE.sub(" ", statement[-_LONGEST:])
    if reason := _REASON.search(statement):
        statement = statement[: reason.start(1)]
    if _TWO_UNKNOWNS.search(statement):
        return None
    if not re.match(r"\W*\d", statement):  # "He is 2 years older, so he is 14."
        *_, conclusion = _SO.split(statement)
        statement = conclusion if re.search(r"\d", conclusion) else statement
    statement = " ".join(in_scope(_CLAUSE.split(statement), context.asks))
    statement = _asserted(_ASSERTION.split(statement), statement, context.asks)
    first, *sides = _EQUALS.split(statement)
    parts = [(part, numbers(part, context)) for part in [*reversed(sides), first]]
    told = [(p, n) for p, n in parts if any(in_asked_unit(p, one, context.asks) for one in n)]
    for part, there in told if len(told) == 1 and "=" not in statement else parts:
        row = _row(part, there, context)
        # `18 = 9 * 2`: arithmetic on the last side is no result.
        undone = row and row[0].value is None and _OPERATOR.match(part, there[0].end)
        alone = sides and undone and ("=" in statement or len(row) == 1)
        if not alone and not all(one.ruled_out for one in there):
            return _chosen(part, row, context)
    return None if any(there for _, there in parts) else _spoken(statement, context)


def _asserted(assertions: Sequence[str], statement: str, asks: str) -> str:
    """Of `the quotient is 6 and the rest is 3` the part that says more of what was asked."""
    ranked = sorted((agreement(one, asks), one) for one in assertions if re.search(r"\d", one))
    if len(ranked) < 2 or "=" in statement or ranked[-1][0] == ranked[-2][0]:
        return statement
    return ranked[-1][1]


def says_number(statement: str, context: Context) -> bool:
    """Whether a statement holds any number, readable or not."""
    return bool(numbers(statement, context)) or _spoken(statement, context) is not None


def is_direct(statement: str, context: Context) -> bool:
    """Whether a number, and no arithmetic, stands at the beginning of the statement."""
    there = numbers(statement, context)
    if not there:
        return _spoken(statement, Context()) is not None and len(statement.split()) <= 4
    return _opens(statement, there[0]) and not _EQUALS.search(statement)


def _before(part: str, number: Number) -> str:
    """What stands before a number, as far as it matters."""
    return part[max(0, number.start - _NEAR) : number.start]


def _opens(part: str, number: Number) -> bool:
    """Whether nothing but filling words stands before a number."""
    before = _FILLING.match(part, 0, number.start)
    return before is not None and before.end() == number.start


def _row(part: str, there: Sequence[Number], context: Context) -> list[Number]:
    """The quantities of a part: its numbers, with those that make one quantity put together."""
    row: list[Number] = []
    for number in measured(part, there, context.asks):
        if row and number.start < row[-1].end:
            continue  # an operand of arithmetic that was not carried out
        if row and (whole := _either(part, row[-1], number, context)):
            row[-1] = whole
            continue
        if sum_ := _OPERATOR.match(part, number.end):
            number = replace(number, value=None, end=sum_.end())
        elif _OPERATED.search(_before(part, number)):
            number = replace(number, value=None)
        row.append(number)
    return row


def _either(part: str, one: Number, other: Number, context: Context) -> Number | None:
    """A range or a choice of two as one quantity without a value, else None.

    With the value where both are the same: `1/2 or 0.5`, `0.12, or 12%`, `1.5 km or 1500 m`.
    """
    between, behind = part[one.end : other.start], part[other.end :]
    whole = replace(one, end=other.end, value=None)
    if _BETWEEN.search(_before(part, one)) and _BETWEEN_LINK.fullmatch(between):
        return whole
    if one.value is None or other.value is None:
        return None  # `9 times 9, or 81`: the arithmetic stands alone
    if re.search(r"\bround\w*\s(?:up |down )?$", _before(part, one)):
        return replace(whole, value=other.value)
    listed = _LINK.fullmatch(between) and ("," not in between or _LIST_END.match(behind))
    either = _EITHER.fullmatch(between)
    if one.ruled_out or other.ruled_out or not (listed or either):
        return None
    if either:  # `140 cents, or 14 dimes`
        counted = [n for n in (one, other) if _counts_what_is_asked(part, n, context)]
        if len(counted) == 1:
            return replace(whole, value=counted[0].value)
    if one.money != other.money and between.strip() in ("and", "и"):
        return None
    if one.value == other.value:
        return replace(whole, value=one.value)
    if other.value == 100 * one.value:  # `0.12, or 12%`; `1 dollar and 22 cents, or 122`
        return replace(whole, value=other.value if behind[:1] == "%" else one.value)
    return replace(whole, value=same_amount(part, one, other, context.asks))


def _chosen(part: str, row: Sequence[Number], context: Context) -> Fraction | None:
    """What a part with quantities says."""
    sayable = [one for one in row if not one.ruled_out]
    if not sayable:
        return None
    if total := _TOTAL.search(part):
        new = next((one for one in sayable if one.start >= total.end()), None)
        if new and not _is_given(new, context):
            return _amount(part, row, new, context)
    opens = row[0] is sayable[0] and _opens(part, row[0])
    if opens and not (_is_subject(part, row, context) or _is_compared(part, row[0], context)):
        return _amount(part, row, row[0], context)
    last = _candidates(part, sayable, context)[-1]
    if _is_given(last, context) and any(n.ruled_out and not _is_given(n, context) for n in row):
        return None  # the only new number is a bound
    return _amount(part, row, last, context)


def _is_given(number: Number, context: Context) -> bool:
    """Whether the question names the number."""
    return bool(context.given) and number.value in context.given[-1]


def _is_subject(part: str, row: Sequence[Number], context: Context) -> bool:
    """Whether `96 potatoes can make 576 rolls`, asked how many 96 make: a new number follows."""
    if not context.given or len(row) < 2 or row[0].value not in context.given[0]:
        return False
    between = part[row[0].end : row[1].start]
    return row[1].value not in context.given[0] and not re.search(r"[.,;:()=]", between)


def _candidates(part: str, row: list[Number], context: Context) -> list[Number]:
    """The quantities that may be the answer: never none of them."""
    counted = [
        one
        for one in row
        if _counts_what_is_asked(part, one, context) and not _is_compared(part, one, context)
    ]
    if len(counted) == 1:
        return counted
    row = [one for one in row if not _is_aside(part, one, context)] or row
    if terms := TERMS.search(part, row[0].end):
        row = [one for one in row if one.start < terms.start()]
    paid = [one for one in row if one.money]
    if paid and (_BOUGHT.match(part, row[0].end) or "how much" in context.asks):
        row = paid
    for given in context.given:
        row = [one for one in row if one.value not in given] or row
    return [one for one in row if not _DEFINITE.search(_before(part, one))] or row


def _counts_what_is_asked(part: str, number: Number, context: Context) -> bool:
    """Whether a new number counts what the question asks for: `how many days` and `2 days`."""
    asked = HOW_MANY.findall(context.asks)
    things = _COUNTED.match(part, number.end)
    if not asked or not things or _is_given(number, context):
        return False
    if in_asked_unit(part, number, context.asks) and not _ASIDE.search(_before(part, number)):
        return True
    wanted = set(_LONG_WORD.findall(asked[-1])) - _NOT_COUNTED
    return bool(wanted & set(things[0].casefold().split()))


def _is_aside(part: str, number: Number, context: Context) -> bool:
    """Whether a number is a time, a rate, a name or a rest: `after 3 days`, `at $2 each`."""
    before = _before(part, number)
    if not number.money and _NAME.search(before):
        return True
    if _LEAVES.search(before) and not _ASKS_LEFT.search(context.asks):
        return "remainder" in before[-14:] or _LEFT_OVER.match(part, number.end) is not None
    if _is_compared(part, number, context):
        return True
    if re.fullmatch(r"(?:19|20)\d\d", part[number.start : number.end]) and _YEAR.search(before):
        return not re.match(r"\s*[^\W\d]", part[number.end :])
    aside = _ASIDE.search(before)
    return bool(aside and (aside["rate"] or aside["range"] or _TIME.match(part, number.end)))


def _is_compared(part: str, number: Number, context: Context) -> bool:
    """Whether a number is a difference that is not asked for: `2 years older than Ann`."""
    compared = _COMPARED.match(part, number.end) if context.asks else None
    return compared is not None and not _ASKS_COMPARED.search(context.asks)


def _amount(part: str, row: Sequence[Number], number: Number, context: Context) -> Fraction | None:
    """The value of the chosen quantity, unless it is one of two things of equal standing."""
    following = next((one for one in row if one.start > number.start), None)
    if following is None or number.value == following.value:
        return number.value
    things = (part[number.end : following.start], part[following.end :])
    if _TWO_THINGS.fullmatch(things[0]) and _ONE_THING.fullmatch(things[1]):
        # `120 socks and 180 dishes`: the one whose thing the question names at its end
        asked = set(re.findall(r"[^\W\d]+", context.asks)[-_ASKED_WORDS:]) - {"and"}
        first, second = (bool(asked & set(_LONG_WORD.findall(one.casefold()))) for one in things)
        return None if first == second else (following if second else number).value
    return number.value


def _spoken(statement: str, context: Context) -> Fraction | None:
    """The only number in words; `one` counts only where it is all that is said."""
    statement = _MENDED.sub(lambda half: "половина " if half["half"] else "", statement)
    if money := _SPOKEN_MONEY.fullmatch(statement):
        whole, part = (in_words(words) for words in money.groups())
        if len(whole) == len(part) == 1:
            return whole[0][0] + part[0][0] / 100
    words = in_words(statement)
    if words and _MINUS.match(statement):
        words = [(-words[0][0], words[0][1]), *words[1:]]
    values = {value for value, pronoun in words if not pronoun}
    if not values and len(statement.split()) <= 3:
        values = {value for value, _ in words}
    for given in context.given:
        values = (values - given) or values
    return values.pop() if len(values) == 1 else None

"""Numbers in digits: what a comma, a dot or a space between them means, exactly.

The rules (docs/decisions/0007-grading-mathematics.md has them as a table):

* `1,319` is 1319 in English. In Russian it is 1.319, unless the text or its question groups by
  commas elsewhere, or the number is an amount of money, which has no third decimal.
* a comma before one or two digits is a decimal comma in any language; `0,125` too.
* no-break, thin and figure spaces, apostrophes and underscores always group thousands; an
  ordinary space does so in Russian, and elsewhere where `Style.spaces` says so.
* `18-20`, `10:30`, `3:2`, `2^3`, `12.05.2020` and `12/25/2020` are not one number: value None.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from kamerton.experiment.tasks.maths.number_words import in_words

_GROUPING = "\u00a0\u202f\u2009'’_"
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)%])(?<!\d )[-–](?=[$€£₽¥₹\d.])"
    r"|(?:^|(?<=is )|(?<=[:=] )|(?<=ен ))(?:minus|negative|минус)\s)?"
    r"(?P<currency>[$€£₽¥₹]\s?)?(?P<inner>-)?"
    r"(?<![^\W_])(?P<digits>\d+(?:[.,]\d+|[" + _GROUPING + r"]\d{3}(?!\d))*|(?<![\d.])\.\d+)"
)
_GROUPS = r"(\d{1,3})((?: \d{3})+)(?![\d/]|:\d|[.,]\d{3})"
_SPACED, _SPACED_MONEY = (
    re.compile(before + _GROUPS) for before in (r"(?<![\d.,/])", r"(?<=[$€£₽])")
)
_CLOCK = re.compile(r":(\d\d)(?::\d\d)?(?!\d)|:\d+")
_SLASH = re.compile(r"\s?/\s?(\d{1,12})(?![\d.,]*\d)(?!\s?/\s?\d)")
_MIXED = re.compile(r"(?:[ \u00a0]+|\s+and\s+|\s+и\s+)(\d{1,4})/(\d{1,4})(?![\d/])")
_POWER_OF_TEN = re.compile(r"\s?(?:[×*x]\s?10\^?\{?(-?\d+|[⁰¹²³⁴-⁹]+)\}?|[eE]([+-]?\d+))(?![\w])")
_POWER = re.compile(r"\s?\^|[²³]|\*\*")
_LONGEST = 40
"""Digits of the longest number: what is longer comes from a model that runs on."""
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SCALES = (
    (re.compile(r"\s?(?:dozens?|дюжин[аыу]?)(?!\w)", re.I), 12, "dozen|дюжин"),
    (re.compile(r"\s(?:hundreds?|сот(?:ен|ни|ня))(?!\w)", re.I), 100, "hundred|сот"),
    (
        re.compile(r"\s?(?:thousands?|тыс\.?|тысяч[аиу]?)(?!\w)|[kK](?!\w)", re.I),
        1000,
        "thousand|тыс",
    ),
    (
        re.compile(r"\s?(?:millions?|млн\.?|миллион(?:ов|а)?)(?!\w)", re.I),
        10**6,
        "million|млн|миллион",
    ),
    (
        re.compile(r"\s?(?:billions?|млрд\.?|миллиард(?:ов|а)?)(?!\w)", re.I),
        10**9,
        "billion|миллиард",
    ),
)
_MONEY_AFTER = re.compile(
    r"\s?(?:[$€£₽¥₹]|руб|р\.|коп|долл|евро|dollar|euro|pound|cent|USD|RUB)", re.I
)
_SHOWS_COMMA_GROUPS = re.compile(
    r"(?<![\d.,])\d{1,3}(?:(?:,\d{3}){2,}(?![\d,])|,\d{3}\.\d)|[$€£₽]\s?\d{1,3},\d{3}(?!\d)"
)
_CYRILLIC, _LATIN = re.compile(r"[а-яё]", re.I), re.compile(r"[a-z]", re.I)


@dataclass(frozen=True)
class Style:
    """How numbers are written in one answer."""

    decimal_comma: bool = False
    """`1,319` is 1.319, as in Russian, and not 1319."""
    spaces: bool = False
    """`1 319` is one number with ordinary spaces too."""
    unit: str = ""
    """The sentence that asks: a scale or small unit named in it stays a unit (`7 dozen`)."""
    given: tuple[frozenset[Fraction], ...] = ()
    """The numbers of the sentence that asks, then of the whole question: what is known already."""


@dataclass(frozen=True)
class Number:
    """A number in a text: its value (None where it is not one number) and its place."""

    value: Fraction | None
    start: int
    end: int
    money: bool = False
    """A currency sign stands before it."""


def style_of(text: str, question: str = "") -> Style:
    """The style of an answer, by its letters, else by its question's, and by what it shows."""
    russian = is_russian(text) if _CYRILLIC.search(text) or _LATIN.search(text) else None
    russian = is_russian(question) if russian is None else russian
    groups = _SHOWS_COMMA_GROUPS.search(f"{text} {question}") is not None
    asks = re.split(r"(?<=[.!])\s", question.strip())[-1]
    return Style(
        decimal_comma=russian and not groups,
        spaces=russian,
        unit=asks.casefold(),
        given=(_given(asks), _given(question)),
    )


@lru_cache(maxsize=4096)
def _given(asked: str) -> frozenset[Fraction]:
    """The numbers of a question, in digits and in words."""
    style = Style(decimal_comma=is_russian(asked), spaces=is_russian(asked))
    told = {one.value for one in numbers(asked, style) if one.value is not None}
    return frozenset(told | {value for value, _ in in_words(asked)})


def is_russian(text: str) -> bool:
    """Whether more letters are Cyrillic than Latin."""
    return len(_CYRILLIC.findall(text)) > len(_LATIN.findall(text))


def numbers(text: str, style: Style) -> list[Number]:
    """All numbers of a plain text, from left to right."""
    spaced = _SPACED if style.spaces else _SPACED_MONEY
    text = spaced.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return list(_found(text, style))


def _found(text: str, style: Style) -> Iterator[Number]:
    place = 0
    while match := _NUMBER.search(text, place):
        value, end = _whole(match, text, style)
        negative = bool(match["sign"]) != bool(match["inner"])
        if value is not None and negative:
            value = -value
        yield Number(value, match.start(), end, bool(match["currency"]))
        place = end


def _whole(match: re.Match[str], text: str, style: Style) -> tuple[Fraction | None, int]:
    """The value of the digits and of what belongs to them behind: fractions, times, scales."""
    digits, end = match["digits"], match.end()
    money = bool(match["currency"]) or _MONEY_AFTER.match(text, end) is not None
    value = decimal(digits, style.decimal_comma and not money)
    if clock := _CLOCK.match(text, end):
        # A full hour is a number ("at 5:00" answers "at what hour"); 10:30 and 3:2 are not.
        return (value if clock[1] == "00" else None), clock.end()
    if value is not None and digits.isdigit():
        value, end = _with_fraction(value, text, end)
    if power := _POWER_OF_TEN.match(text, end):
        written = (power[1] or power[2]).translate(_SUPERSCRIPTS)
        exponent = int(written)
        return (
            value and value * Fraction(10) ** exponent if abs(exponent) < 40 else None
        ), power.end()
    if power := _POWER.match(text, end):
        return None, power.end()
    return _scaled(value, text, end, style)


def _with_fraction(value: Fraction, text: str, end: int) -> tuple[Fraction | None, int]:
    """`3 1/2` and `1/2`; a date with two slashes is no number."""
    if (mixed := _MIXED.match(text, end)) and 0 < int(mixed[1]) < int(mixed[2]):
        return value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end()
    if date := re.compile(r"/\d+/\d+").match(text, end):
        return None, date.end()
    if slash := _SLASH.match(text, end):
        below = int(slash[1])
        return (value / below if below else None), slash.end()
    return value, end


def _scaled(
    value: Fraction | None, text: str, end: int, style: Style
) -> tuple[Fraction | None, int]:
    """`2 dozen` is 24, and 2 where dozens are asked for."""
    for pattern, size, name in _SCALES:
        if value is not None and (scale := pattern.match(text, end)):
            asked = re.search(name, style.unit) is not None
            return (value if asked else value * size), scale.end()
    return value, end


def decimal(digits: str, decimal_comma: bool = False) -> Fraction | None:
    """The exact value of digits with their separators; None where they make no number."""
    bare = re.sub(f"[{_GROUPING}]", "", digits)
    if len(bare) > _LONGEST:
        return None
    kinds = [kind for kind in ".," if kind in bare]
    if len(kinds) == 2:
        return _both(bare)
    if not kinds:
        return Fraction(bare)
    kind, parts = kinds[0], bare.split(kinds[0])
    if len(parts) > 2:
        return Fraction("".join(parts)) if _grouped(parts) else None
    if kind == "." or _is_decimal(parts, decimal_comma):
        return Fraction(f"{parts[0] or 0}.{parts[1]}")
    return Fraction("".join(parts)) if _grouped(parts) else None


def _is_decimal(parts: list[str], decimal_comma: bool) -> bool:
    """Whether the one comma of `a,b` is a decimal comma."""
    before, after = parts
    return decimal_comma or len(after) < 3 or before == "0"


def _both(bare: str) -> Fraction | None:
    """`1,319.50` and `1.319,50`: the later sign is the decimal one, and stands once."""
    last = max(".,", key=bare.rfind)
    whole, _, rest = bare.rpartition(last)
    other = "." if last == "," else ","
    if last in whole or not _grouped(whole.split(other)):
        return None
    return Fraction(f"{whole.replace(other, '')}.{rest}")


def _grouped(parts: list[str]) -> bool:
    """Groups of three, or of two before the last as in India (1,00,000)."""
    first, *middle, last = parts
    sizes = {len(part) for part in middle}
    return (1 <= len(first) <= 3 and first[0] != "0" and len(last) == 3 and sizes <= {3}) or (
        1 <= len(first) <= 2 and len(last) == 3 and sizes == {2}
    )

"""Amounts in two units, such as `5 dollars and 50 cents`, as one number.

The number is in the larger unit (5.5), or in the smaller one where the question asks for it
("how many minutes": `1 hour 30 minutes` is 90).
"""

import re
from fractions import Fraction

from kamerton.experiment.tasks.maths.numerals import Number

_PAIRS = (
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
_JOIN = r"(?:\s*,)?(?:\s*(?:and|и))?\s*"


def joined(text: str, one: Number, other: Number, asked: str) -> Fraction | None:
    """The amount that two neighbouring numbers make, or None where they make none.

    `asked` is the sentence that asks, in lower case; it says which unit is wanted.
    """
    if one.value is None or other.value is None or (one.money and other.money):
        return None
    between, behind = text[one.end : other.start], text[other.end :]
    for large, small, size in _PAIRS:
        fits = re.fullmatch(rf"\s*(?:{large})?{_JOIN}", between, re.I) if one.money else None
        fits = fits or re.fullmatch(rf"\s*(?:{large})(?!\w){_JOIN}", between, re.I)
        if fits and re.match(rf"\s*(?:{small})(?!\w)", behind, re.I):
            return _amount(one.value, other.value, size, (large, small), asked)
    return None


def _amount(
    one: Fraction, other: Fraction, size: int, units: tuple[str, str], asked: str
) -> Fraction | None:
    if not 0 <= other < size:
        return None
    large, small = (re.search(rf"(?<!\w)(?:{unit})(?!\w)", asked) for unit in units)
    whole = one + other / size
    return whole * size if small and not large else whole

"""Amounts in several units (`1 hour 30 minutes`), or said twice (`1.5 km or 1500 m`)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from kamerton.experiment.tasks.maths.numbers import Number

HOW_MANY = re.compile(r"(?:how many|сколько)((?:\s+[\w-]+){1,3})", re.I)
_NAMES_OF_UNITS = r"""
604800 weeks?|недел\w* wks? ; 86400 days?|дн\w*|день|сут\w* d ; 3600 hours?|час\w* h|hrs?|ч
  ; 60 minutes?|mins?|минут\w*|мин m|м ; 1 seconds?|secs?|секунд\w*|сек s|с
12 years?|год\w*|лет yrs?|г ; 1 months?|месяц\w* mos?|мес
100 dollars?|доллар\w* \$|USD ; 1 cents?|цент\w* c
100 euros?|евро € ; 1 cents?|цент\w* c
100 рубл\w* ₽|руб|р ; 1 копе\w* коп|к
100 pounds? £ ; 1 pence|penn(?:y|ies) p
16 pounds? lbs? ; 1 ounces? oz
63360 miles? mi ; 36 yards? yds? ; 12 feet|foot ft|' ; 1 inch(?:es)? in|"
16 gallons? gal ; 4 quarts? qt ; 2 pints? pt ; 1 cups? c
1000000 kilomet(?:er|re)s?|километр\w* km|км ; 1000 met(?:er|re)s?|метр\w* m|м
  ; 10 centimet(?:er|re)s?|сантиметр\w* cm|см ; 1 millimet(?:er|re)s?|миллиметр\w* mm|мм
1000000 tons?|tonnes?|тонн\w* t|т ; 1000 kilograms?|килограмм\w* kg|кг ; 1 grams?|грамм\w* g|г
1000 lit(?:er|re)s?|литр\w* l|л ; 1 millilit(?:er|re)s?|миллилитр\w* ml|мл
"""
_JOIN = re.compile(r"(?:\s*,)?(?:\s*(?:and|и))?\s*", re.I)


class _Unit(NamedTuple):
    size: int
    """In the smallest unit of its kind."""
    written: re.Pattern[str]
    named: re.Pattern[str]
    """The full name, as a question asks for it."""


_KINDS = tuple(
    tuple(
        _Unit(
            int(size),
            re.compile(rf"\s*(?:{names}|{short})(?![^\W\d_])\.?", re.I),
            re.compile(rf"\b(?:{names})\b"),
        )
        for size, names, short in (unit.split() for unit in kind.split(" ; "))
    )
    for kind in _NAMES_OF_UNITS.replace("\n  ;", " ;").strip().split("\n")
)
"""The units of each kind, the largest first."""


def measured(part: str, there: Sequence[Number], asks: str) -> Iterator[Number]:
    """The numbers of a part, those in several units of one kind as one: `1 hour 30 minutes`.

    Its value is in the largest unit (5.5 dollars), or in the one that alone is named by the
    sentence that asks ("how many minutes": 90).
    """
    rest = list(there)
    while rest:
        chains = ((kind, _chain(part, rest, kind)) for kind in _KINDS)
        kind, chain = next(((k, c) for k, c in chains if len(c) > 1), ((), [(rest[0], 1)]))
        whole, last = rest[0], chain[-1][0]
        if kind:
            total = sum((n.value * size for n, size in chain if n.value is not None), Fraction(0))
            asked = _asked_size(kind, asks, [size for _, size in chain])
            whole = replace(whole, value=total / asked, end=last.end)
        yield whole
        rest = rest[len(chain) :]


def _chain(part: str, numbers: Sequence[Number], kind: Sequence[_Unit]) -> list[tuple[Number, int]]:
    """The numbers at the beginning that stand in ever smaller units, each with its size."""
    chain: list[tuple[Number, int]] = []
    end = numbers[0].start
    for number in numbers:
        size, behind = _unit(part, number, kind)
        if not size or number.value is None or not _JOIN.fullmatch(part, end, number.start):
            break
        if chain and not 0 <= number.value * size < chain[-1][1]:
            break
        chain.append((number, size))
        end = behind
    return chain


def same_amount(part: str, one: Number, other: Number, asks: str) -> Fraction | None:
    """The value of two numbers that are one amount in two units, as `measured`; None else."""
    if one.value is None or other.value is None:
        return None
    for kind in _KINDS:
        sizes = [_unit(part, number, kind)[0] for number in (one, other)]
        if all(sizes) and one.value * sizes[0] == other.value * sizes[1]:
            return one.value * sizes[0] / _asked_size(kind, asks, sizes)
    return None


def in_asked_unit(part: str, number: Number, asks: str) -> bool:
    """Whether the unit behind a number is what is counted: `6 km`, asked how many kilometers."""
    asked = HOW_MANY.findall(asks)
    return bool(asked) and any(
        re.match(rf"\s+(?:more\s+)?{unit.named.pattern}", asked[-1])
        and unit.written.match(part, number.end)
        for kind in _KINDS
        for unit in kind
    )


def _unit(part: str, number: Number, kind: Sequence[_Unit]) -> tuple[int, int]:
    """Size and end of the unit behind a number; 0 where it is none of this kind."""
    sign = part[number.start : number.end].lstrip("-– ")[:1] if number.money else ""
    for unit in kind:
        if written := unit.written.match(part, number.end):
            return unit.size, written.end()
        if unit.written.match(sign):
            return unit.size, number.end
    return 0, number.end


def _asked_size(kind: Sequence[_Unit], asks: str, sizes: Sequence[int]) -> int:
    """The size of the unit to answer in: of `sizes`, or one that the question counts."""
    named = [unit.size for unit in kind if unit.named.search(asks) and unit.size in sizes]
    counted = " ".join(HOW_MANY.findall(asks))
    wanted = named or [unit.size for unit in kind if unit.named.search(counted)]
    return wanted[0] if len(wanted) == 1 else sizes[0]

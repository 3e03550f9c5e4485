"""The equations that a solution writes down, and which of them are false.

`16 - 3 - 4 = 9`, chains (`3 * 4 = 12 + 5 = 17`, where each equals sign is checked against the
whole right side and against its first number), ×, ÷, percent, money, units and Russian decimal
commas. A result with decimals may be rounded or cut at its last figure; a whole one may not,
except after ≈. What cannot be read surely (variables, "half of", words for numbers) is not judged.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kamerton.experiment.tasks.maths.expression import Token, compute, tokens
from kamerton.experiment.tasks.maths.numerals import is_russian

_UNITS = 4
"""Words between a number and the next sign that still count as its unit."""
_FACTORS = (
    "of off twice half double triple third thirds quarter quarters dozen hundred thousand million "
    "billion от из вдвое втрое половина половину треть четверть дважды трижды дюжина тысяч млн тыс "
    "миллион"
)
_WORD_FACTORS = frozenset(_FACTORS.split())
_PARTITIVE = frozenset(("of", "от", "из"))
_RATIOS = frozenset(
    ratio
    for size in (7, 10, 12, 16, 24, 52, 60, 100, 365, 1000, 3600)
    for ratio in (Fraction(size), Fraction(1, size))
)
_APPROXIMATE = re.compile(
    r"≈|\b(?:about|approximately|roughly|round\w*|около|примерно|округл\w*)\b", re.I
)
_MARK = re.compile(r"^\s*(?:[-*•–]\s+|\d{1,2}[.)]\s+)")


@dataclass(frozen=True)
class Equation:
    """One equals sign with arithmetic on a side of it."""

    text: str
    holds: bool
    operators: str
    """The different signs of it, of `+-*/`, sorted."""


@dataclass(frozen=True)
class _Side:
    pieces: tuple[Token, ...]
    units: frozenset[str]


def equations(body: str) -> list[Equation]:
    """All equations of a plain text that can be judged, in order."""
    comma = is_russian(body)
    return [found for line in body.splitlines() for found in _of_line(line, comma)]


def _of_line(line: str, comma: bool) -> Iterator[Equation]:
    line = _MARK.sub("", line)
    pieces = tokens(line, comma)
    for place, piece in enumerate(pieces):
        if piece.kind != "equals":
            continue
        left, right = _before(pieces, place), _after(pieces, place)
        if left is None or right is None or not _calculates(pieces, place, left):
            continue
        text = line[left.pieces[0].start : right.pieces[-1].end].strip()
        holds = _holds(left, right, _APPROXIMATE.search(line) is not None)
        if holds is not None:
            yield Equation(text, holds, _signs(left, right))


def _calculates(pieces: Sequence[Token], equals: int, left: _Side) -> bool:
    """Whether the left side is arithmetic, or the middle of a chain; not `in week 4 = 48 + 48`."""
    if any(piece.kind == "op" for piece in left.pieces):
        return True
    chained = any(piece.kind == "equals" for piece in pieces[:equals])
    return chained and any(piece.kind == "op" for piece in pieces[equals:])


def _signs(left: _Side, right: _Side) -> str:
    pieces = [*left.pieces, *right.pieces]
    return "".join(sorted({piece.text for piece in pieces if piece.kind == "op"}))


def _before(pieces: Sequence[Token], equals: int) -> _Side | None:
    """The longest expression that ends right before an equals sign."""
    taken: list[Token] = []
    units: set[str] = set()
    place = equals - 1
    while True:
        place = _skip_units(pieces, place, -1, units)
        operand = _operand(pieces, place, -1)
        if not operand:
            return None  # a sign with nothing readable before it, or no number at all
        taken, place = operand + taken, place - len(operand)
        if place < 0 or pieces[place].kind != "op":
            break
        taken, place = [pieces[place], *taken], place - 1
    if place >= 0 and _spoils(pieces[place], taken[0]):
        return None
    return _Side(tuple(taken), frozenset(units))


def _after(pieces: Sequence[Token], equals: int) -> _Side | None:
    """The longest expression that begins right behind an equals sign."""
    taken: list[Token] = []
    units: set[str] = set()
    place = equals + 1
    if place < len(pieces) and pieces[place].text == "-":
        taken, place = [pieces[place]], place + 1
    while operand := _operand(pieces, place, 1):
        taken, place = taken + operand, place + len(operand)
        place = _skip_units(pieces, place, 1, units)
        if place >= len(pieces) or pieces[place].kind != "op":
            break
        if not _operand(pieces, place + 1, 1):
            return None  # 720 / R
        taken, place = [*taken, pieces[place]], place + 1
    if not any(piece.kind == "number" for piece in taken) or units & _WORD_FACTORS:
        return None
    return _Side(tuple(taken), frozenset(units))


def _skip_units(pieces: Sequence[Token], place: int, step: int, units: set[str]) -> int:
    """The place behind at most four words; what they were is added to `units`.

    In `15 pieces of flour` nothing is multiplied: there `of` is left out, as it is not beside 15.
    """
    words: list[str] = []
    while len(words) < _UNITS and 0 <= place < len(pieces) and pieces[place].kind == "word":
        words.append(pieces[place].text.casefold())
        place += step
    beside = 0 if step > 0 else len(words) - 1
    units.update(w for at, w in enumerate(words) if at == beside or w not in _PARTITIVE)
    return place


def _operand(pieces: Sequence[Token], place: int, step: int) -> list[Token]:
    """A number, with its percent sign, or a whole bracket; empty where there is none."""
    if not 0 <= place < len(pieces):
        return []
    piece = pieces[place]
    if piece.kind == "paren":
        return _bracket(pieces, place, step)
    if step < 0 and piece.kind == "percent":
        below = _operand(pieces, place - 1, step)
        return [*below, piece] if below else []
    if piece.kind != "number" or piece.value is None:
        return []
    behind = pieces[place + 1] if step > 0 and place + 1 < len(pieces) else None
    return [piece, behind] if behind and behind.kind == "percent" else [piece]


def _bracket(pieces: Sequence[Token], place: int, step: int) -> list[Token]:
    """A bracket from one end to the other, without the words in it."""
    depth, start = 0, place
    while 0 <= place < len(pieces):
        depth += {"(": 1, ")": -1}.get(pieces[place].text, 0) * step
        if depth == 0:
            break
        if pieces[place].kind in ("equals", "other") or depth < 0:
            return []
        place += step
    else:
        return []
    low, high = min(start, place), max(start, place)
    inside = list(pieces[low : high + 1])
    return [] if any(piece.kind == "word" for piece in inside) else inside


def _spoils(before: Token, first: Token) -> bool:
    """Whether what stands before an expression may belong to it: `twice 5 + 3`, `(4 + 3`."""
    if before.kind == "word":
        return before.text.casefold() in _WORD_FACTORS
    return before.text in ("(", "^", "!") or before.kind in ("number", "percent")


def _holds(left: _Side, right: _Side, approximate: bool) -> bool | None:
    """Whether both sides are equal; None where a side cannot be computed."""
    if any(_is_variable(unit) for unit in left.units | right.units) or left.units & _WORD_FACTORS:
        return None
    results = [compute(left.pieces, off) for off in (False, True)]
    first = next(piece for piece in right.pieces if piece.kind == "number")
    negative = right.pieces[0].text == "-"
    said = {compute(right.pieces), -first.value if negative and first.value else first.value}
    if results[0] is None or None in said:
        return None
    percent = any(piece.kind == "percent" for piece in (*left.pieces, *right.pieces))
    holds = any(
        _close(result * factor, value, first.decimals, approximate, left.units != right.units)
        for result in results
        if result is not None
        for value in said
        if value is not None
        for factor in ((1, 100, Fraction(1, 100)) if percent else (1,))
    )
    # 28 / 1/5 is 140 as it is meant, and 5.6 as it is written.
    divides = "".join(piece.text for piece in left.pieces if piece.kind == "op")
    return None if not holds and "//" in divides else holds


def _is_variable(unit: str) -> bool:
    """Whether a word behind a number may be an unknown: `3 x Y`; metres and grams are not."""
    return len(unit) == 1 and unit.isascii() and unit not in "aghlms"


def _close(
    result: Fraction, value: Fraction, decimals: int, approximate: bool, converted: bool
) -> bool:
    """Equal; or equal as far as the decimals go; or the same amount in another unit."""
    if result == value:
        return True
    if decimals and abs(result - value) < Fraction(1, 10**decimals):
        return True
    if approximate and abs(result - value) < 1:
        return True
    return bool(converted and value and result / value in _RATIOS)

"""The equations that a solution writes down, and which of them are false.

`16 - 3 - 4 = 9`, chains (`3 * 4 = 12 + 5 = 17`, where each equals sign is checked against the
whole right side and against its first number), ×, ÷, percent, money, units, rates (`$50/hour`),
`20% of 50` and Russian decimal commas. A result with decimals may be rounded or cut at its last
figure, and one with ten or more is a float's, with its noise; a whole one may not, except after ≈.
What cannot be read surely (variables, "half of", words for numbers) is not judged. A line becomes
a string of one letter a token, in which sides are found by patterns; numbers go into Python's own
parser as names: nothing written is run.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kamerton.experiment.tasks.maths.numbers import decimal, is_russian

_TOKEN = re.compile(
    r"(?P<rate>/\s?(?!\s?\d)[^\W\d]+|\bper\s+[^\W\d]+|\bв (?:час|день|неделю|месяц|год|минуту)\b)"
    r"|(?P<mixed>(?<![\d.,/])\d{1,4} \d{1,4}/\d{1,4}(?![\d/.,]\d))"
    r"|[$€£₽]?\s?(?P<n>\d+(?:[.,\u00a0\u202f\u2009]\d+|\u0020000(?!\d))*|(?<!\d)\.\d+)"
    r"(?P<letter>[a-zA-Zа-я](?!\w))?"
    r"|(?P<p>%|\bpercents?\b|\bпроцент\w*)"
    r"|(?P<times>(?<=[\d)\s%])[xхX](?=\s?[\d($.])|(?<=[%\d])\s(?:of|от)\s+(?=[$\d(]))"
    r"|(?P<o>[-–+*×÷/]|(?<=[\d)] ):(?= [\d(]))"
    r"|(?P<e>=|≈)|(?P<open>\()|(?P<close>\))|(?P<w>[^\W\d]+)|(?P<x>[^\s$€£₽])"
)
_LETTERS = {"mixed": "n", "letter": "n", "times": "o", "open": "(", "close": ")"}
_OPERAND = r"(?:n|\([nop()]*\))p?"
_LEFT = re.compile(rf"(?:{_OPERAND}w{{0,4}}o)*{_OPERAND}w{{0,4}}$")
_RIGHT = re.compile(rf"o?(?:{_OPERAND}w{{0,4}}o)*{_OPERAND}w{{0,4}}")
"""At most four words stand between a number and the next sign and still count as its unit."""
_SPACED_MONEY = re.compile(r"(?<=[$€£₽])\d{1,3}(?: \d{3})+(?!\d)")
_SIGNS = {"–": "-", "×": "*", "÷": "/", ":": "/"}
_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST, _LONGEST_LINE = 60, 2000
_NOISY, _NOISE = 10, Fraction(1, 10**9)
"""Decimals of a float, and the share by which it may be off."""
_FACTOR_WORDS = (
    "of off twice half double triple third thirds quarter quarters dozen hundred thousand million "
    "billion от из вдвое втрое половина половину треть четверть дважды трижды дюжина тысяч млн тыс "
    "миллион"
)
_FACTORS = frozenset(_FACTOR_WORDS.split())
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
class _Token:
    """One piece of a line: its kind as a letter, its text, its place, and the value of a number."""

    kind: str
    text: str
    start: int
    end: int
    value: Fraction | None = None
    decimals: int = 0
    """Figures behind the decimal sign, which say how exactly a result is meant."""


def equations(body: str) -> list[Equation]:
    """All equations of a plain text that can be judged, in order."""
    comma = is_russian(body)
    lines = (_MARK.sub("", line) for line in body.splitlines() if len(line) <= _LONGEST_LINE)
    return [one for line in lines for one in _of_line(line, comma)]


def _of_line(line: str, comma: bool) -> Iterator[Equation]:
    line = _SPACED_MONEY.sub(lambda match: match[0].replace(" ", "\u00a0"), line)
    tokens = [_token(match, comma) for match in _TOKEN.finditer(line) if match["rate"] is None]
    kinds = "".join(one.kind for one in tokens)
    first = kinds.find("e")
    for equals in (place for place, kind in enumerate(kinds) if kind == "e"):
        sides = (
            _LEFT.search(kinds, kinds.rfind("e", 0, equals) + 1, equals),
            _RIGHT.match(kinds, equals + 1),
        )
        if not (sides[0] and sides[1]):
            continue
        left, right = (tokens[side.start() : side.end()] for side in sides if side)
        begin, end = sides[0].start(), sides[1].end()
        # Arithmetic on the left, or the middle of a chain; not `in week 4 = 48 + 48`.
        if not _signs(left) and not (equals > first and "o" in kinds[equals:]):
            continue
        # What stands beside may belong to it: `twice 5 + 3`, `(4 + 3`, `720 / R`.
        before = tokens[begin - 1] if begin else None
        if before and (before.kind in "(nop" or before.text.casefold() in {"^", "!", *_FACTORS}):
            continue
        if kinds[end : end + 1] == "o" or (right[0].kind == "o" and right[0].text != "-"):
            continue
        holds = _holds(left, right, _APPROXIMATE.search(line) is not None)
        if holds is not None:
            while right[-1].kind == "w":
                right.pop()
            text = line[left[0].start : right[-1].end].strip()
            yield Equation(text, holds, "".join(sorted({*_signs(left), *_signs(right)})))


def _token(match: re.Match[str], comma: bool) -> _Token:
    name, text = str(match.lastgroup), match[0]
    kind, start, end = _LETTERS.get(name, name), match.start(), match.end()
    if match["mixed"]:
        whole, above, below = (int(part) for part in re.split("[ /]", text))
        value = whole + Fraction(above, below) if 0 < above < below else None
        return _Token("n" if value is not None else "x", text, start, end, value)
    if digits := match["n"] or "":
        # A letter at a number is a variable (2x) or a unit (5m), which cannot be told apart.
        value = None if match["letter"] else decimal(digits.replace(" ", ""), comma)
        fraction = value is not None and value.denominator > 1
        behind = max(digits.rfind("."), digits.rfind(",") if fraction else -1)
        decimals = len(digits) - behind - 1 if behind >= 0 else 0
        return _Token("n" if value is not None else "x", digits, start, end, value, decimals)
    if kind == "o":
        text = "*" if name == "times" else _SIGNS.get(text, text)
    return _Token(kind, text, start, end)


def _signs(side: Sequence[_Token]) -> str:
    return "".join(one.text for one in side if one.kind == "o")


def _units(side: Sequence[_Token]) -> set[str]:
    """The words of a side. In `15 pieces of flour` nothing is multiplied: `of` is left out."""
    return {
        one.text.casefold()
        for before, one in zip([None, *side], side, strict=False)
        if one.kind == "w"
        and not (one.text.casefold() in _PARTITIVE and before and before.kind == "w")
    }


def _holds(left: Sequence[_Token], right: Sequence[_Token], approximate: bool) -> bool | None:
    """Whether both sides are equal; None where a side cannot be computed."""
    units = _units(left), _units(right)
    # A letter may be an unknown (`3 x Y`); metres and grams are not.
    unknowns = (unit for unit in units[0] | units[1] if len(unit) == 1 and unit.isascii())
    if any(unit not in "aghlms" for unit in unknowns) or (units[0] | units[1]) & _FACTORS:
        return None
    first = next(one for one in right if one.kind == "n")
    wanted = (
        _compute(right),
        -first.value if right[0].kind == "o" and first.value else first.value,
    )
    results = [_compute(left), _compute(left, off=True)]
    if results[0] is None or None in wanted:
        return None
    percent = any(one.kind == "p" for one in (*left, *right))
    noisy = any(one.decimals >= _NOISY for one in (*left, *right))
    holds = any(
        _close(result * factor, value, first.decimals, approximate, noisy)
        or (units[0] != units[1] and value and result * factor / value in _RATIOS)
        for result in results
        for value in wanted
        for factor in ((1, 100, Fraction(1, 100)) if percent else (1,))
        if result is not None and value is not None
    )
    # 28 / 1/5 is 140 as it is meant, and 5.6 as it is written.
    return None if not holds and "//" in _signs(left) else holds


def _close(
    result: Fraction, value: Fraction, decimals: int, approximate: bool, noisy: bool
) -> bool:
    """Equal, or equal as far as the decimals go."""
    difference = abs(result - value)
    if not difference or (decimals and difference < Fraction(1, 10**decimals)):
        return True
    return (approximate and difference < 1) or (noisy and difference <= _NOISE * abs(value))


def _compute(tokens: Sequence[_Token], off: bool = False) -> Fraction | None:
    """The exact value of numbers, operators and brackets; None where they make no expression.

    A percent sign divides by 100. With `off`, `80 - 20%` takes 20 % of the 80, as shops mean it.
    """
    values = {"hundred": Fraction(100)}
    text = ""
    for token in tokens[:_LONGEST]:
        if token.kind == "n" and token.value is not None:
            name = f"n{len(values)}"
            values[name] = token.value
            text += f" {name} "
        elif token.kind == "p":
            text += "/hundred"
        elif token.kind in "o()":
            text += token.text
    if off:
        text = re.sub(r"^(.*)([+-])( n\d+ )/hundred$", r"(\1)*(hundred\2\3)/hundred", text)
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, values)
    except (SyntaxError, ZeroDivisionError, KeyError, RecursionError):
        return None


def _value(node: ast.expr, values: dict[str, Fraction]) -> Fraction:
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, values)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    raise KeyError(type(node).__name__)

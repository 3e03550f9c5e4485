"""The equations that a solution writes down, and which of them are false.

`16 - 3 - 4 = 9`, chains (`3 * 4 = 12 + 5 = 17`, where each equals sign is checked against the
whole right side and against its first number), ×, ÷, percent, money, units, rates (`$50/hour`),
`20% of 50` and Russian decimal commas. A result with decimals may be rounded or cut at its last
figure; a whole one may not, except after ≈. What cannot be read surely (variables, "half of", words
for numbers) is not judged. Numbers go into Python's own parser as names: nothing written is run.
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
    r"|[$€£₽]?\s?(?P<number>\d+(?:[.,\u00a0\u202f\u2009]\d+|\u0020000(?!\d))*|(?<!\d)\.\d+)"
    r"(?P<letter>[a-zA-Zа-я](?!\w))?"
    r"|(?P<percent>%|\bpercents?\b|\bпроцент\w*)"
    r"|(?P<times>(?<=[\d)\s%])[xхX](?=\s?[\d($.])|(?<=[%\d])\s(?:of|от)\s+(?=[$\d(]))"
    r"|(?P<op>[-–+*×÷/])|(?P<colon>(?<=[\d)] ):(?= [\d(]))"
    r"|(?P<equals>=|≈)|(?P<paren>[()])|(?P<word>[^\W\d]+)|(?P<other>[^\s$€£₽])"
)
_SPACED_MONEY = re.compile(r"(?<=[$€£₽])\d{1,3}(?: \d{3})+(?!\d)")
_SIGNS = {"–": "-", "×": "*", "÷": "/", ":": "/"}
_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 60
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
class _Token:
    """One piece of a line: its kind, its text, its place, and the value of a number."""

    kind: str
    text: str
    start: int
    end: int
    value: Fraction | None = None
    decimals: int = 0
    """Figures behind the decimal sign, which say how exactly a result is meant."""


@dataclass(frozen=True)
class _Side:
    tokens: list[_Token]
    units: frozenset[str]

    @property
    def signs(self) -> str:
        return "".join(one.text for one in self.tokens if one.kind == "op")

    @property
    def has_percent(self) -> bool:
        return any(one.kind == "percent" for one in self.tokens)


def equations(body: str) -> list[Equation]:
    """All equations of a plain text that can be judged, in order."""
    comma = is_russian(body)
    return [one for line in body.splitlines() for one in _of_line(_MARK.sub("", line), comma)]


def _of_line(line: str, comma: bool) -> Iterator[Equation]:
    tokens = _tokens(line, comma)
    for place, token in enumerate(tokens):
        if token.kind != "equals":
            continue
        left, right = _left(tokens, place), _right(tokens, place)
        if left is None or right is None:
            continue
        # Arithmetic on the left, or the middle of a chain; not `in week 4 = 48 + 48`.
        chained = any(one.kind == "equals" for one in tokens[:place])
        if not left.signs and not (chained and any(one.kind == "op" for one in tokens[place:])):
            continue
        holds = _holds(left, right, _APPROXIMATE.search(line) is not None)
        if holds is not None:
            text = line[left.tokens[0].start : right.tokens[-1].end].strip()
            yield Equation(text, holds, "".join(sorted({*left.signs, *right.signs})))


def _tokens(line: str, comma: bool) -> list[_Token]:
    """The pieces of one plain line; rates (`/hour`, `per day`) are left out."""
    line = _SPACED_MONEY.sub(lambda match: match[0].replace(" ", "\u00a0"), line)
    return [_token(match, comma) for match in _TOKEN.finditer(line) if match["rate"] is None]


def _token(match: re.Match[str], comma: bool) -> _Token:
    kind, text, start, end = str(match.lastgroup), match[0], match.start(), match.end()
    if match["mixed"]:
        whole, above, below = (int(part) for part in re.split("[ /]", text))
        if 0 < above < below:
            return _Token("number", text, start, end, whole + Fraction(above, below))
        return _Token("other", text, start, end)
    if text := match["number"] or "":
        # A letter at a number is a variable (2x) or a unit (5m), which cannot be told apart.
        value = None if match["letter"] else decimal(text.replace(" ", ""), comma)
        behind = max(text.rfind("."), text.rfind(",") if value and value.denominator > 1 else -1)
        decimals = len(text) - behind - 1 if behind >= 0 else 0
        return _Token("number", text, start, end, value, decimals)
    if kind in ("op", "times", "colon"):
        sign = "*" if kind == "times" else _SIGNS.get(match[0], match[0])
        return _Token("op", sign, start, end)
    return _Token(kind, match[0], start, end)


def _left(tokens: Sequence[_Token], equals: int) -> _Side | None:
    """The longest expression that ends right before an equals sign."""
    taken: list[_Token] = []
    units: set[str] = set()
    place = equals - 1
    while True:
        place = _skip_units(tokens, place, -1, units)
        operand = _operand(tokens, place, -1)
        if not operand:
            return None  # a sign with nothing readable before it, or no number at all
        taken, place = operand + taken, place - len(operand)
        if place < 0 or tokens[place].kind != "op":
            break
        taken, place = [tokens[place], *taken], place - 1
    if place >= 0:  # what stands before may belong to it: `twice 5 + 3`, `(4 + 3`
        before = tokens[place]
        if before.text in ("(", "^", "!") or before.kind in ("number", "percent"):
            return None
        if before.kind == "word" and before.text.casefold() in _WORD_FACTORS:
            return None
    return _Side(taken, frozenset(units))


def _right(tokens: Sequence[_Token], equals: int) -> _Side | None:
    """The longest expression that begins right behind an equals sign."""
    taken: list[_Token] = []
    units: set[str] = set()
    place = equals + 1
    if place < len(tokens) and tokens[place].text == "-":
        taken, place = [tokens[place]], place + 1
    while operand := _operand(tokens, place, 1):
        taken, place = taken + operand, place + len(operand)
        place = _skip_units(tokens, place, 1, units)
        if place >= len(tokens) or tokens[place].kind != "op":
            break
        if not _operand(tokens, place + 1, 1):
            return None  # 720 / R
        taken, place = [*taken, tokens[place]], place + 1
    if not any(one.kind == "number" for one in taken) or units & _WORD_FACTORS:
        return None
    return _Side(taken, frozenset(units))


def _skip_units(tokens: Sequence[_Token], place: int, step: int, units: set[str]) -> int:
    """The place behind at most four words; what they were is added to `units`.

    In `15 pieces of flour` nothing is multiplied: there `of` is left out, as it is not beside 15.
    """
    words: list[str] = []
    while len(words) < _UNITS and 0 <= place < len(tokens) and tokens[place].kind == "word":
        words.append(tokens[place].text.casefold())
        place += step
    beside = 0 if step > 0 else len(words) - 1
    units.update(w for at, w in enumerate(words) if at == beside or w not in _PARTITIVE)
    return place


def _operand(tokens: Sequence[_Token], place: int, step: int) -> list[_Token]:
    """A number, with its percent sign, or a whole bracket; empty where there is none."""
    if not 0 <= place < len(tokens):
        return []
    token = tokens[place]
    if token.kind == "paren":
        return _bracket(tokens, place, step)
    if step < 0 and token.kind == "percent":
        below = _operand(tokens, place - 1, step)
        return [*below, token] if below else []
    if token.kind != "number" or token.value is None:
        return []
    behind = tokens[place + 1 : place + 2] if step > 0 else ()
    return [token, *(one for one in behind if one.kind == "percent")]


def _bracket(tokens: Sequence[_Token], start: int, step: int) -> list[_Token]:
    """A bracket from one end to the other; empty where words or equals signs stand in it."""
    depth, place = 0, start
    while 0 <= place < len(tokens):
        depth += {"(": 1, ")": -1}.get(tokens[place].text, 0) * step
        if depth == 0:
            inside = list(tokens[min(start, place) : max(start, place) + 1])
            return [] if any(one.kind == "word" for one in inside) else inside
        if tokens[place].kind in ("equals", "other") or depth < 0:
            return []
        place += step
    return []


def _holds(left: _Side, right: _Side, approximate: bool) -> bool | None:
    """Whether both sides are equal; None where a side cannot be computed."""
    # A letter may be an unknown (`3 x Y`); metres and grams are not.
    unknowns = (u for u in left.units | right.units if len(u) == 1 and u.isascii())
    if any(unit not in "aghlms" for unit in unknowns) or left.units & _WORD_FACTORS:
        return None
    first = next(one for one in right.tokens if one.kind == "number")
    negative = right.tokens[0].text == "-" and first.value
    wanted = (_compute(right.tokens), -first.value if negative and first.value else first.value)
    results = [_compute(left.tokens), _compute(left.tokens, off=True)]
    if results[0] is None or None in wanted:
        return None
    factors = (1, 100, Fraction(1, 100)) if left.has_percent or right.has_percent else (1,)
    holds = any(
        _close(result * factor, value, first.decimals, approximate, left.units != right.units)
        for result in results
        for value in wanted
        for factor in factors
        if result is not None and value is not None
    )
    # 28 / 1/5 is 140 as it is meant, and 5.6 as it is written.
    return None if not holds and "//" in left.signs else holds


def _close(
    result: Fraction, value: Fraction, decimals: int, approximate: bool, converted: bool
) -> bool:
    """Equal; or equal as far as the decimals go; or the same amount in another unit."""
    difference = abs(result - value)
    if not difference or (decimals and difference < Fraction(1, 10**decimals)):
        return True
    if approximate and difference < 1:
        return True
    return bool(converted and value and result / value in _RATIOS)


def _compute(tokens: Sequence[_Token], off: bool = False) -> Fraction | None:
    """The exact value of numbers, operators and brackets; None where they make no expression.

    A percent sign divides by 100. With `off`, `80 - 20%` takes 20 % of the 80, as shops mean it.
    """
    values = {"hundred": Fraction(100)}
    text = ""
    for token in tokens[:_LONGEST]:
        if token.kind == "number" and token.value is not None:
            name = f"n{len(values)}"
            values[name] = token.value
            text += f" {name} "
        elif token.kind == "percent":
            text += "/hundred"
        elif token.kind in ("op", "paren"):
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

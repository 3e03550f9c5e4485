"""Arithmetic as people write it, read into tokens and computed exactly.

Units may stand behind numbers (`16 eggs - 3 eggs`), rates behind amounts (`$50/hour`), and `of`
multiplies (`20% of 50`). Numbers go into Python's own parser as names, so nothing written is run.
"""

import ast
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kamerton.experiment.tasks.maths.numerals import decimal

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
_OPERATORS = {"–": "-", "×": "*", "÷": "/"}
_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 60


@dataclass(frozen=True)
class Token:
    """One piece of a line: its kind, its text, its place, and the value of a number."""

    kind: str
    text: str
    start: int
    end: int
    value: Fraction | None = None
    decimals: int = 0
    """Figures behind the decimal sign, which say how exactly a result is meant."""


def tokens(line: str, decimal_comma: bool = False) -> list[Token]:
    """The pieces of one plain line; rates (`/hour`, `per day`) are left out."""
    line = _SPACED_MONEY.sub(lambda found: found[0].replace(" ", "\u00a0"), line)
    found = [_token(match, decimal_comma) for match in _TOKEN.finditer(line)]
    return [token for token in found if token.kind != "rate"]


def _token(match: re.Match[str], decimal_comma: bool) -> Token:
    kind, place = str(match.lastgroup), (match.start(), match.end())
    if match["mixed"]:
        whole, above, below = (int(part) for part in re.split("[ /]", match["mixed"]))
        if 0 < above < below:
            return Token("number", match[0], *place, Fraction(whole) + Fraction(above, below))
        return Token("other", match[0], *place)
    if match["number"]:
        # A letter at a number is a variable (2x) or a unit (5m), which cannot be told apart.
        text = match["number"]
        bare = text.replace(" ", "")
        value = None if match["letter"] else decimal(bare, decimal_comma)
        behind = max(text.rfind("."), text.rfind(",") if value and value.denominator > 1 else -1)
        return Token("number", text, *place, value, len(text) - behind - 1 if behind >= 0 else 0)
    if kind in ("op", "times", "colon"):
        sign = {"times": "*", "colon": "/"}.get(kind) or _OPERATORS.get(match[0], match[0])
        return Token("op", sign, *place)
    return Token(kind, match[0], *place)


def compute(pieces: Sequence[Token], off: bool = False) -> Fraction | None:
    """The exact value of numbers, operators and brackets; None where they make no expression.

    A percent sign divides by 100. With `off`, `80 - 20%` takes 20 % of the 80, as shops mean it.
    """
    values = {"hundred": Fraction(100)}
    text = ""
    for piece in pieces[:_LONGEST]:
        if piece.kind == "number" and piece.value is not None:
            name = f"n{len(values)}"
            values[name] = piece.value
            text += f" {name} "
        elif piece.kind == "percent":
            text += "/hundred"
        elif piece.kind in ("op", "paren"):
            text += piece.text
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

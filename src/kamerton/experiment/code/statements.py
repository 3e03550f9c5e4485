"""Statements of Python wherever they stand in a text.

Prose between them is passed over, so a program is read in the same way inside a fence, behind a
fence that closes too early, and with no fence at all.
"""

import ast
import codeop
import re
import symtable
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kamerton.experiment.code.tasks import ONE_AT_A_TIME, parse

_CONTINUES = re.compile(r"(?:else|elif|except|finally|case)\b|[)\]}]")
"""Lines at the indent of a statement that still belong to it."""
_START = re.compile(
    r"@|(?:async|def|class|import|from|if|for|while|with|try) |[A-Za-z_][\w., \[\]]*(?::[^=]+)?="
)
_HEAD = re.compile(r"(?:async +def|def|class) +\w+ *[(:\[]")
_TRIES = 400
"""How often the end of one statement is looked for."""
_CHARACTERS = 100
"""Characters that are parsed for each character of a text, at most."""
DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_ERRORS = (SyntaxError, ValueError, MemoryError, RecursionError)


@dataclass(frozen=True)
class Line:
    """A line of an answer."""

    text: str
    region: int
    """Fences and what stands between them, from 0 in their order; below 0: no Python."""
    fenced: bool = False


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement at the top of a program."""

    node: ast.stmt = field(repr=False)
    source: str
    first: int
    last: int
    """Its first and last line in the text, from 1."""
    line: Line
    """Its first line."""
    whole: bool
    """Whether it ends where its text ends; else it was cut to what parses."""
    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    """Global names that it needs when it runs."""
    uses: frozenset[str] = frozenset()
    """The same, and what its functions need when they are called."""


def statements(lines: Sequence[Line]) -> list[Statement]:
    """All statements of a text in their order; what is no Python is left out."""
    with ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the answer's own: `\d` in a plain string
        return list(_Reader(lines).read())


class _Reader:
    """Finds statements line by line, in time that grows with the text and no faster."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._left = 10_000 + _CHARACTERS * sum(len(line.text) + 1 for line in lines)

    def read(self) -> Iterator[Statement]:
        place = 0
        while place < len(self._lines):
            line = self._lines[place]
            if not line.text.strip() or line.region < 0:
                place += 1
                continue
            end, tree, whole = self._statement(place)
            if tree is not None:
                yield from self._made(place, end, tree, whole)
            place = max(end, place + 1)

    def _statement(self, place: int) -> tuple[int, ast.Module | None, bool]:
        """Where the statement ends that begins here, its tree, and whether that is all of it."""
        end = self._indented(place, place)
        for _ in range(_TRIES):
            text = self._text(place, end)
            try:
                return end, self._parsed(text), True
            except _ERRORS as error:
                incomplete = isinstance(error, SyntaxError) and error.msg == "incomplete input"
            if not (incomplete and end < len(self._lines) and _START.match(text)):
                break
            # A string or a bracket is open: it may reach over fences.
            end = self._indented(place, end)
        return self._cut(place, self._indented(place, place))

    def _cut(self, place: int, end: int) -> tuple[int, ast.Module | None, bool]:
        """The most of it that parses. Behind a blank line stands prose, else it was broken off."""
        # What follows the broken part of a function is no statement of its own.
        behind = end if _HEAD.match(self._lines[place].text.lstrip()) else 0
        whole = False
        for _ in range(_TRIES):
            try:
                return behind or end, self._parsed(self._text(place, end)), whole
            except _ERRORS as error:
                at = error.lineno if isinstance(error, SyntaxError) else None
            end = min(end - 1, place + max(0, (at or 1) - 1))
            if end <= place:
                break
            whole = not self._lines[end - 1].text.strip()
        return behind, None, False

    def _indented(self, place: int, at: int) -> int:
        """The end of line `at` and of those behind it that are indented as the body of `place`."""
        base, region = _indent(self._lines[place].text), self._lines[at].region
        decorates = self._lines[at].text.lstrip().startswith("@")
        end = behind = at + 1
        while end < len(self._lines) and self._lines[end].region == region:
            text = self._lines[end].text
            stripped = text.lstrip()
            if stripped and not stripped.startswith("#"):
                if _indent(text) <= base:
                    if _indent(text) < base or not (decorates or _CONTINUES.match(stripped)):
                        break
                    decorates = decorates and stripped.startswith("@")
                behind = end + 1
            end += 1
        return behind

    def _text(self, place: int, end: int) -> str:
        base = _indent(self._lines[place].text)
        texts = (line.text for line in self._lines[place:end])
        return "\n".join(text[base:] if not text[:base].strip() else text for text in texts)

    def _parsed(self, text: str) -> ast.Module:
        self._left -= len(text)
        if self._left < 0:
            raise MemoryError
        return parse(text, codeop.PyCF_ALLOW_INCOMPLETE_INPUT)  # type: ignore[attr-defined]

    def _made(self, place: int, end: int, tree: ast.Module, whole: bool) -> Iterator[Statement]:
        rows = self._text(place, end).encode().split(b"\n")
        for node in tree.body:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            assert node.end_lineno is not None
            piece = rows[first - 1 : node.end_lineno]
            piece[-1] = piece[-1][: node.end_col_offset]
            if first == node.lineno:
                piece[0] = piece[0][node.col_offset :]
            source = b"\n".join(piece).decode()
            names = _names(node, source)
            if names is not None:
                ends, line = (
                    (place + first, place + node.end_lineno),
                    self._lines[place + first - 1],
                )
                ast.increment_lineno(node, place)
                yield Statement(node, source, *ends, line, whole, *names)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _names(node: ast.stmt, source: str) -> tuple[frozenset[str], ...] | None:
    """What a statement binds, reads and uses; None where it can stand in no program."""
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return None  # `Note: this` binds nothing
    try:
        if not isinstance(node, DEFINES):
            compile(source, "answer", "exec")  # a `return` outside of a function is only seen here
        top = symtable.symtable(source, "answer", "exec")
    except _ERRORS:
        return None
    symbols = top.get_symbols()
    binds = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
    reads = {one.get_name() for one in symbols if one.is_referenced()}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        reads.add(node.target.id)
    uses, tables = set(reads), list(top.get_children())
    while tables:
        table = tables.pop()
        names = {one.get_name() for one in table.get_symbols() if one.is_global()}
        uses |= names
        if table.get_type() == "class":
            reads |= names
        tables += table.get_children()
    later = isinstance(node, DEFINES) or isinstance(getattr(node, "value", None), ast.Lambda)
    return frozenset(binds), frozenset(reads if later else uses), frozenset(uses)

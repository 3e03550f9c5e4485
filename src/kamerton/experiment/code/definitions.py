"""The definition of a name among statements, and what it needs of the others.

As in a notebook, a name means what it last meant: to a statement before it ran, to a function at
the end.
"""

import ast
import builtins
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kamerton.experiment.code.statements import DEFINES, Statement

_IMPORTS = ast.Import | ast.ImportFrom
_COMPOUND = ast.If | ast.Try | ast.With | ast.For | ast.While
_BUILTIN = frozenset(vars(builtins))
_MOST = 3000
"""Statements that are looked at, the last ones; no program has as many."""
_ROUNDS = 20
"""How often it is asked what else changes that which is kept."""
_UNNEEDED = {"print", "input", "exit", "quit", "breakpoint", "unittest", "doctest", "pytest"}
"""What a statement calls that shows or tests a program, but is no part of it."""


class Definitions:
    """The statements of a text by the names that they bind."""

    def __init__(self, every: Sequence[Statement]) -> None:
        self.every = every = every[-_MOST:]
        self.place = {one: place for place, one in enumerate(every)}
        self.binding: dict[str, list[Statement]] = {}
        for one in every:
            for name in one.binds:
                self.binding.setdefault(name, []).append(one)
        self.imported = {n for one in every if isinstance(one.node, _IMPORTS) for n in one.binds}
        self._functions = self.imported | {
            n for one in every if isinstance(one.node, DEFINES) for n in one.binds
        }

    def strength(self, one: Statement, name: str) -> int:
        """How surely a statement is the definition of `name`.

        4: a function or a class that is whole, or in a fence an alias of one; 3: an alias outside
        of fences; 2: a function that was cut; 1: an empty one, an import or another value; 0: none.
        """
        node = one.node
        if name not in one.binds:
            return 0
        if isinstance(node, _COMPOUND):
            inner = (n for n in ast.walk(node) if isinstance(n, DEFINES) and n.name == name)
            return max((1 if _is_empty(n) else 4 for n in inner), default=1)
        if isinstance(node, DEFINES):
            return 1 if _is_empty(node) else 4 if one.whole else 2
        if isinstance(node, ast.Assign | ast.AnnAssign) and self._is_function(node.value, name):
            return 4 if one.line.fenced else 3
        return 1

    def _is_function(self, value: ast.expr | None, name: str) -> bool:
        """Whether a value is a function as far as is seen: `partial(add, 1)`, but no `area(3)`."""
        if isinstance(value, ast.Lambda | ast.Name | ast.Attribute):
            return True
        if not isinstance(value, ast.Call) or _root(value.func) == name:
            return False
        given = [*value.args, *(word.value for word in value.keywords)]
        return any(
            isinstance(one, ast.Lambda | ast.Attribute)
            or (isinstance(one, ast.Name) and (one.id in self._functions or one.id in _BUILTIN))
            for one in given
        )

    def needed(self, definition: Statement, name: str) -> list[Statement]:
        """A definition of `name` with all that it needs, in an order in which it can run."""
        choice = _Choice(self, definition, name)
        choice.add([definition])
        for _ in range(_ROUNDS):
            bound = choice.bound()
            if not choice.add([one for one in self.every if choice.acts(one, bound)]):
                break
        return choice.ordered()


@dataclass
class _Choice:
    """Statements that are taken into a program."""

    those: Definitions
    definition: Statement
    name: str
    kept: set[Statement] = field(default_factory=set)

    def add(self, statements: Sequence[Statement]) -> bool:
        """Take statements with what they need; whether there was anything new."""
        before, waiting = len(self.kept), list(statements)
        while waiting:
            one = waiting.pop()
            if one not in self.kept:
                self.kept.add(one)
                waiting += self._needs(one, one.uses)
        return len(self.kept) > before

    def _needs(self, one: Statement, names: Iterable[str]) -> list[Statement]:
        chosen = (self._binding(name, one) for name in sorted(names))
        return [other for other in chosen if other is not None]

    def _binding(self, name: str, user: Statement) -> Statement | None:
        """The statement that gives a name the value which `user` sees."""
        if name == self.name and user is not self.definition:
            return self.definition
        those = [one for one in self.those.binding.get(name, ()) if one is not user]
        if name == self.name:
            those = [one for one in those if self.those.strength(one, name) > 1]
        if name in user.reads:
            place = self.those.place
            before = [one for one in those if place[one] < place[user]]
            those = before or ([] if name in user.binds else those)
        elif name in user.binds:
            return None
        return max(
            those,
            key=lambda one: (not _is_foreign(one.node), one.whole, self.those.place[one]),
            default=None,
        )

    def bound(self) -> tuple[set[str], set[str]]:
        """Names that are kept: of functions, and of other values but modules."""
        names: tuple[set[str], set[str]] = set(), set()
        for one in self.kept:
            if not isinstance(one.node, _IMPORTS):
                names[not isinstance(one.node, DEFINES)].update(one.binds)
        return names

    def acts(self, one: Statement, bound: tuple[set[str], set[str]]) -> bool:
        """Whether a statement changes what is kept: fills a table, sets a limit, registers."""
        node, (functions, values) = one.node, bound
        if one in self.kept:
            return False
        if isinstance(node, ast.ImportFrom):
            return node.names[0].name == "*" and not _is_foreign(node)
        if isinstance(node, ast.FunctionDef):
            return any(_root(each) in functions | values for each in node.decorator_list)
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = {_root(each) for each in targets if not isinstance(each, ast.Name | ast.Tuple)}
            if not parts or parts & (functions | values):
                return bool(parts)
        elif not isinstance(node, _COMPOUND) and not _is_call(node):
            return False
        reached = self._reached(one)
        if reached & {self.name, "__name__", *_UNNEEDED}:
            return False
        if one.uses and one.uses <= self.those.imported:
            return one.line.fenced or not self.definition.line.fenced
        return bool(reached & values)

    def _reached(self, one: Statement) -> set[str]:
        """Names that a statement uses, and those that the functions use which it calls."""
        names, waiting = set(one.uses), [one]
        while waiting:
            one = waiting.pop()
            for other in self._needs(one, one.uses):
                if isinstance(other.node, DEFINES) and not other.uses <= names:
                    names |= other.uses
                    waiting.append(other)
        return names

    def ordered(self) -> list[Statement]:
        """The kept statements as they stand, each behind what it reads when it runs."""
        out: dict[Statement, None] = {}
        begun: set[Statement] = set()
        waiting = sorted(self.kept, key=self.those.place.__getitem__, reverse=True)
        while waiting:
            one = waiting[-1]
            reads = self._needs(one, one.reads)
            first = [other for other in reads if other in self.kept and other not in begun]
            if one in begun or not first:
                begun.add(one)
                out.setdefault(waiting.pop())
            else:
                begun.add(one)
                waiting += first
        return list(out)


def _is_empty(node: ast.stmt) -> bool:
    """Whether a function only says what it will be."""
    raised = ("NotImplementedError",)
    return all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        or (isinstance(one, ast.Raise) and one.exc and ast.unparse(one.exc).startswith(raised))
        for one in getattr(node, "body", ())
    )


def _root(node: ast.expr) -> str:
    """The name that an expression begins with: `a` of `a.b[0](1)`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _is_foreign(node: ast.stmt) -> bool:
    """Whether it imports what Python itself does not have: the answer's own file, mostly."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] not in sys.stdlib_module_names
    return isinstance(node, ast.Import) and any(
        alias.name.partition(".")[0] not in sys.stdlib_module_names for alias in node.names
    )

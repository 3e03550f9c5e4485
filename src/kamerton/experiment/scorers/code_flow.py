"""Where the values of a program come from: the data-flow match of CodeBLEU (Ren et al. 2020).

An edge says that a variable, at one place of the source, comes from or is computed from others;
names are replaced by numbers in order of appearance, so that only the flow counts. The rules per
construct are those of the published evaluator (CodeXGLUE), written as a table of small functions.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from kamerton.experiment.scorers.code_tree import Language, atom, atoms, parse, text

States = dict[str, frozenset[int]]
"""Name of a variable to the places where it may have got its value."""
Flow = tuple[str, str, tuple[str, ...]]
"""Variable, relation, what it comes from: names by number."""
STEPS = 100_000
"""Nodes that are visited at most. Loops are walked twice, so nesting costs a power of two."""


@dataclass(frozen=True)
class _Edge:
    place: int
    name: str
    relation: str
    parents: tuple[str, ...]
    sources: frozenset[int]


class _TooLong(Exception):
    """A program on which the walk does not end in reasonable time."""


@dataclass
class _Walk:
    """One walk over one program: visits add edges, and give what every variable then comes from."""

    handlers: "dict[str, Handler]"
    first: frozenset[str]
    """Children that are walked before the others."""
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    edges: list[_Edge] = field(default_factory=list)
    steps: int = 0

    def place(self, node: Any) -> int:
        return self.places[node.start_byte, node.end_byte]

    def variables(self, node: Any) -> list[tuple[int, str]]:
        """Places and texts of the tokens of a node that are no keyword or sign."""
        tokens = ((self.place(one), one.type, text(one)) for one in atoms(node))
        return [(place, name) for place, kind, name in tokens if kind != name]


Handler = Callable[[_Walk, Any, States], States]


def flows(code: str, language: Language) -> Counter[Flow]:
    """The edges of a program, normalised; none where it is too deep or too long to walk."""
    root = parse(code, language)
    walk = _Walk(*_LANGUAGES[language])
    for place, node in enumerate(atoms(root)):
        walk.places[node.start_byte, node.end_byte] = place
    try:
        _visit(walk, root, {})
    except (_TooLong, RecursionError):
        return Counter()
    return _normalised(_merged(sorted(walk.edges, key=lambda edge: edge.place)))


def _merged(edges: Sequence[_Edge]) -> list[_Edge]:
    """Edges that touch others, one for each place; of several the parents are united."""
    touched = {edge.place for edge in edges if edge.parents}
    touched |= {source for edge in edges for source in edge.sources}
    by_place: dict[int, _Edge] = {}
    for edge in edges:
        if edge.place in touched:
            first = by_place.setdefault(edge.place, edge)
            if first is not edge:
                parents = tuple(dict.fromkeys(first.parents + edge.parents))
                by_place[edge.place] = replace(first, parents=parents)
    return list(by_place.values())


def _normalised(edges: Sequence[_Edge]) -> Counter[Flow]:
    numbers: dict[str, str] = {}
    counts: Counter[Flow] = Counter()
    for edge in edges:
        for name in (*edge.parents, edge.name):
            numbers.setdefault(name, f"var_{len(numbers)}")
        parents = tuple(numbers[name] for name in edge.parents)
        counts[numbers[edge.name], edge.relation, parents] += 1
    return counts


def _visit(walk: _Walk, node: Any, states: States) -> States:
    walk.steps += 1
    if walk.steps > STEPS:
        raise _TooLong
    handler = _leaf if atom(node) else walk.handlers.get(node.type, _sequence)
    return handler(walk, node, states)


def _leaf(walk: _Walk, node: Any, states: States) -> States:
    """A token: a known variable comes from where it got its value, a new name begins one."""
    name, place = text(node), walk.place(node)
    if node.type == name:  # a keyword or a sign
        return states
    if name in states:
        walk.edges.append(_Edge(place, name, "comesFrom", (name,), states[name]))
        return states
    walk.edges.append(_Edge(place, name, "comesFrom", (), frozenset()))
    return {**states, name: frozenset((place,))} if node.type == "identifier" else states


def _sequence(walk: _Walk, node: Any, states: States) -> States:
    """Children one after the other."""
    late = [child for child in node.children if child.type not in walk.first]
    early = [child for child in node.children if child.type in walk.first]
    return _each(walk, early + late, states)


def _each(walk: _Walk, nodes: Sequence[Any], states: States) -> States:
    for node in nodes:
        states = _visit(walk, node, states)
    return states


def _declaration(walk: _Walk, node: Any, states: States) -> States:
    """A name with a default or first value: each comes from each part of the value."""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is None:
        return _sequence(walk, node, states)
    if value is not None:
        return _pairwise(walk, name, value, "comesFrom", _visit(walk, value, states))
    for place, fresh in walk.variables(name):
        walk.edges.append(_Edge(place, fresh, "comesFrom", (), frozenset()))
        states = {**states, fresh: frozenset((place,))}
    return states


def _pairwise(walk: _Walk, left: Any, right: Any, relation: str, states: States) -> States:
    """One edge for each variable on the left and each on the right."""
    sources = walk.variables(right)
    for place, name in walk.variables(left):
        for at, of in sources:
            walk.edges.append(_Edge(place, name, relation, (of,), frozenset((at,))))
        states = {**states, name: frozenset((place,))}
    return states


def _branches(walk: _Walk, node: Any, states: States, others: frozenset[str], on: bool) -> States:
    """Every way through an `if`; `on`: what stands after the first other branch is one too."""
    straight, ends, beside = states, [], False
    for child in node.children:
        beside = child.type in others or (on and beside)
        end = _visit(walk, child, states if beside else straight)
        if beside:
            ends.append(end)
        else:
            straight = end
    has_else = any("else" in child.type for child in node.children)
    united: States = {}
    for way in [*ends, straight] if has_else else [*ends, straight, states]:
        for name, places in way.items():
            united[name] = united.get(name, frozenset()) | places
    return united


def _twice(walk: _Walk, node: Any, states: States) -> States:
    """A loop: what its end leaves reaches its beginning."""
    return _each(walk, [*node.children, *node.children], states)


def _python_assignment(walk: _Walk, node: Any, states: States) -> States:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return states
    return _assign(walk, *_matched(left, right), states)


def _python_clause(walk: _Walk, node: Any, states: States) -> States:
    left = node.child_by_field_name("left")
    if left is None:
        return _sequence(walk, node, states)
    return _assign(walk, [left], [node.children[-1]], states)


def _python_for(walk: _Walk, node: Any, states: States) -> States:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return _sequence(walk, node, states)
    body = [child for child in node.children[-1:] if child.type == "block"]
    for _ in range(2):
        states = _each(walk, body, _assign(walk, *_matched(left, right), states))
    return states


def _assign(walk: _Walk, lefts: Sequence[Any], rights: Sequence[Any], states: States) -> States:
    """One edge for each variable on the left, computed from all on its right."""
    states = _each(walk, rights, states)
    for left, right in zip(lefts, rights, strict=True):
        sources = walk.variables(right)
        parents, at = tuple(name for _, name in sources), frozenset(place for place, _ in sources)
        for place, name in walk.variables(left):
            walk.edges.append(_Edge(place, name, "computedFrom", parents, at))
            states = {**states, name: frozenset((place,))}
    return states


def _matched(left: Any, right: Any) -> tuple[list[Any], list[Any]]:
    """Both sides part by part where they have as many parts, else as wholes."""
    lefts = [child for child in left.children if child.type != ","]
    rights = [child for child in right.children if child.type != ","]
    return (lefts, rights) if lefts and len(lefts) == len(rights) else ([left], [right])


def _java_assignment(walk: _Walk, node: Any, states: States) -> States:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return _sequence(walk, node, states)
    return _pairwise(walk, left, right, "computedFrom", _visit(walk, right, states))


def _java_for(walk: _Walk, node: Any, states: States) -> States:
    """The second walk leaves out the declaration and what stands before it."""
    states = _each(walk, node.children, states)
    kinds = [child.type for child in node.children]
    declared = "local_variable_declaration"
    again = node.children[kinds.index(declared) + 1 :] if declared in kinds else []
    return _each(walk, again, states)


def _java_for_each(walk: _Walk, node: Any, states: States) -> States:
    name, value, body = map(node.child_by_field_name, ("name", "value", "body"))
    if name is None or value is None or body is None:
        return _sequence(walk, node, states)
    for _ in range(2):
        states = _pairwise(walk, name, value, "computedFrom", _visit(walk, value, states))
        states = _visit(walk, body, states)
    return states


_PYTHON_OTHERS = frozenset(("elif_clause", "else_clause"))
_JAVA_OTHERS = frozenset(("if_statement", "else"))
_LANGUAGES: dict[Language, tuple[dict[str, Handler], frozenset[str]]] = {
    "python": (
        {
            "assignment": _python_assignment,
            "augmented_assignment": _python_assignment,
            "for_in_clause": _python_clause,
            "default_parameter": _declaration,
            "if_statement": partial(_branches, others=_PYTHON_OTHERS, on=False),
            "for_statement": _python_for,
            "while_statement": _twice,
        },
        frozenset(("for_in_clause",)),
    ),
    "java": (
        {
            "variable_declarator": _declaration,
            "assignment_expression": _java_assignment,
            "update_expression": lambda walk, node, states: _pairwise(
                walk, node, node, "computedFrom", states
            ),
            "if_statement": partial(_branches, others=_JAVA_OTHERS, on=True),
            "for_statement": _java_for,
            "enhanced_for_statement": _java_for_each,
            "while_statement": _twice,
        },
        frozenset(),
    ),
}

"""Where the values of a program come from: the data-flow match of CodeBLEU (Ren et al. 2020).

An edge says that a variable, at one place of the source, comes from or is computed from others;
names are replaced by numbers in order of appearance, so that only the flow counts. The rules per
construct are those of the published evaluator (CodeXGLUE), written as a table of small functions.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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


Found = tuple[list[_Edge], States]


class _TooLong(Exception):
    """A program on which the walk does not end in reasonable time."""


@dataclass
class _Walk:
    """One walk over one program."""

    handlers: "dict[str, Handler]"
    first: frozenset[str]
    """Children that are walked before the others."""
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    steps: int = 0


Handler = Callable[[_Walk, Any, States], Found]


def flows(code: str, language: Language) -> Counter[Flow]:
    """The edges of a program, normalised; none where it is too deep or too long to walk."""
    root = parse(code, language)
    handlers, first = _LANGUAGES[language]
    walk = _Walk(handlers, first)
    for place, node in enumerate(atoms(root)):
        walk.places[node.start_byte, node.end_byte] = place
    try:
        edges, _ = _visit(walk, root, {})
    except (_TooLong, RecursionError):
        return Counter()
    return _normalised(_merged(sorted(edges, key=lambda edge: edge.place)))


def _merged(edges: Sequence[_Edge]) -> list[_Edge]:
    """Edges that touch others, one for each place; of several the parents are united."""
    touched = {edge.place for edge in edges if edge.parents}
    touched |= {source for edge in edges for source in edge.sources}
    found: dict[int, _Edge] = {}
    for edge in edges:
        if edge.place not in touched:
            continue
        known = found.setdefault(edge.place, edge)
        if known is not edge:
            parents = tuple(dict.fromkeys(known.parents + edge.parents))
            found[edge.place] = _Edge(
                edge.place, known.name, known.relation, parents, known.sources
            )
    return list(found.values())


def _normalised(edges: Sequence[_Edge]) -> Counter[Flow]:
    numbers: dict[str, str] = {}
    found: Counter[Flow] = Counter()
    for edge in edges:
        for name in (*edge.parents, edge.name):
            numbers.setdefault(name, f"var_{len(numbers)}")
        parents = tuple(numbers[name] for name in edge.parents)
        found[numbers[edge.name], edge.relation, parents] += 1
    return found


def _visit(walk: _Walk, node: Any, states: States) -> Found:
    walk.steps += 1
    if walk.steps > STEPS:
        raise _TooLong
    if atom(node):
        return _leaf(walk, node, states)
    return walk.handlers.get(node.type, _sequence)(walk, node, states)


def _leaf(walk: _Walk, node: Any, states: States) -> Found:
    """A token: a known variable comes from where it got its value, a new name begins one."""
    name, place = text(node), _place(walk, node)
    if node.type == name:  # a keyword or a sign
        return [], states
    if name in states:
        return [_Edge(place, name, "comesFrom", (name,), states[name])], states
    if node.type == "identifier":
        states = {**states, name: frozenset((place,))}
    return [_Edge(place, name, "comesFrom", (), frozenset())], states


def _sequence(walk: _Walk, node: Any, states: States) -> Found:
    """Children one after the other."""
    early = [child for child in node.children if child.type in walk.first]
    late = [child for child in node.children if child.type not in walk.first]
    return _each(walk, early + late, states)


def _each(walk: _Walk, nodes: Sequence[Any], states: States) -> Found:
    edges: list[_Edge] = []
    for node in nodes:
        more, states = _visit(walk, node, states)
        edges += more
    return edges, states


def _declaration(walk: _Walk, node: Any, states: States) -> Found:
    """A name with a default or first value: each comes from each part of the value."""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is None:
        return _sequence(walk, node, states)
    if value is None:
        return _fresh(walk, name, states)
    edges, states = _visit(walk, value, states)
    more, states = _pairwise(walk, name, value, "comesFrom", states)
    return edges + more, states


def _fresh(walk: _Walk, node: Any, states: States) -> Found:
    edges = []
    for place, name in _variables(walk, node):
        edges.append(_Edge(place, name, "comesFrom", (), frozenset()))
        states = {**states, name: frozenset((place,))}
    return edges, states


def _pairwise(walk: _Walk, left: Any, right: Any, relation: str, states: States) -> Found:
    """One edge for each variable on the left and each on the right."""
    edges, sources = [], _variables(walk, right)
    for place, name in _variables(walk, left):
        edges += [_Edge(place, name, relation, (of,), frozenset((at,))) for at, of in sources]
        states = {**states, name: frozenset((place,))}
    return edges, states


def _jointly(walk: _Walk, left: Any, right: Any, states: States) -> Found:
    """One edge for each variable on the left, computed from all on the right."""
    edges, sources = [], _variables(walk, right)
    parents, at = tuple(name for _, name in sources), frozenset(place for place, _ in sources)
    for place, name in _variables(walk, left):
        edges.append(_Edge(place, name, "computedFrom", parents, at))
        states = {**states, name: frozenset((place,))}
    return edges, states


def _branches(walk: _Walk, node: Any, states: States, others: frozenset[str], on: bool) -> Found:
    """Every way through an `if`; `on`: what stands after the first other branch is one too."""
    edges: list[_Edge] = []
    straight, ends, beside = states, [], False
    for child in node.children:
        beside = child.type in others or (on and beside)
        more, end = _visit(walk, child, states if beside else straight)
        edges += more
        if beside:
            ends.append(end)
        else:
            straight = end
    has_else = any("else" in child.type for child in node.children)
    return edges, _united([*ends, straight] if has_else else [*ends, straight, states])


def _united(ways: Sequence[States]) -> States:
    found: States = {}
    for way in ways:
        for name, places in way.items():
            found[name] = found.get(name, frozenset()) | places
    return found


def _twice(walk: _Walk, node: Any, states: States) -> Found:
    """A loop: what its end leaves reaches its beginning."""
    edges, states = _each(walk, node.children, states)
    more, states = _each(walk, node.children, states)
    return edges + more, states


def _python_assignment(walk: _Walk, node: Any, states: States) -> Found:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return [], states
    return _assign(walk, *_matched(left, right), states)


def _python_clause(walk: _Walk, node: Any, states: States) -> Found:
    left = node.child_by_field_name("left")
    if left is None:
        return _sequence(walk, node, states)
    return _assign(walk, [left], [node.children[-1]], states)


def _python_for(walk: _Walk, node: Any, states: States) -> Found:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return _sequence(walk, node, states)
    edges: list[_Edge] = []
    body = [child for child in node.children[-1:] if child.type == "block"]
    for _ in range(2):
        more, states = _assign(walk, *_matched(left, right), states)
        inner, states = _each(walk, body, states)
        edges += more + inner
    return edges, states


def _assign(walk: _Walk, lefts: Sequence[Any], rights: Sequence[Any], states: States) -> Found:
    edges, states = _each(walk, rights, states)
    for left, right in zip(lefts, rights, strict=True):
        more, states = _jointly(walk, left, right, states)
        edges += more
    return edges, states


def _matched(left: Any, right: Any) -> tuple[list[Any], list[Any]]:
    """Both sides part by part where they have as many parts, else as wholes."""
    lefts = [child for child in left.children if child.type != ","]
    rights = [child for child in right.children if child.type != ","]
    return (lefts, rights) if lefts and len(lefts) == len(rights) else ([left], [right])


def _python_if(walk: _Walk, node: Any, states: States) -> Found:
    return _branches(walk, node, states, frozenset(("elif_clause", "else_clause")), on=False)


def _java_if(walk: _Walk, node: Any, states: States) -> Found:
    return _branches(walk, node, states, frozenset(("if_statement", "else")), on=True)


def _java_assignment(walk: _Walk, node: Any, states: States) -> Found:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return _sequence(walk, node, states)
    edges, states = _visit(walk, right, states)
    more, states = _pairwise(walk, left, right, "computedFrom", states)
    return edges + more, states


def _java_update(walk: _Walk, node: Any, states: States) -> Found:
    return _pairwise(walk, node, node, "computedFrom", states)


def _java_for(walk: _Walk, node: Any, states: States) -> Found:
    """The second walk leaves out the declaration and what stands before it."""
    edges, states = _each(walk, node.children, states)
    kinds = [child.type for child in node.children]
    start = (
        kinds.index("local_variable_declaration") + 1
        if "local_variable_declaration" in kinds
        else len(kinds)
    )
    more, states = _each(walk, node.children[start:], states)
    return edges + more, states


def _java_for_each(walk: _Walk, node: Any, states: States) -> Found:
    name, value, body = map(node.child_by_field_name, ("name", "value", "body"))
    if name is None or value is None or body is None:
        return _sequence(walk, node, states)
    edges: list[_Edge] = []
    for _ in range(2):
        one, states = _visit(walk, value, states)
        two, states = _pairwise(walk, name, value, "computedFrom", states)
        three, states = _visit(walk, body, states)
        edges += one + two + three
    return edges, states


def _variables(walk: _Walk, node: Any) -> list[tuple[int, str]]:
    """Places and texts of the tokens of a node that are no keyword or sign."""
    found = ((_place(walk, one), one.type, text(one)) for one in atoms(node))
    return [(place, name) for place, kind, name in found if kind != name]


def _place(walk: _Walk, node: Any) -> int:
    return walk.places[node.start_byte, node.end_byte]


_LANGUAGES: dict[Language, tuple[dict[str, Handler], frozenset[str]]] = {
    "python": (
        {
            "assignment": _python_assignment,
            "augmented_assignment": _python_assignment,
            "for_in_clause": _python_clause,
            "default_parameter": _declaration,
            "if_statement": _python_if,
            "for_statement": _python_for,
            "while_statement": _twice,
        },
        frozenset(("for_in_clause",)),
    ),
    "java": (
        {
            "variable_declarator": _declaration,
            "assignment_expression": _java_assignment,
            "update_expression": _java_update,
            "if_statement": _java_if,
            "for_statement": _java_for,
            "enhanced_for_statement": _java_for_each,
            "while_statement": _twice,
        },
        frozenset(),
    ),
}

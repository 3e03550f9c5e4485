"""Code as trees, tokens and shapes, by tree-sitter: what CodeBLEU compares."""

import io
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any, Literal

from kamerton.formats.errors import InputError

Language = Literal["python", "java"]
LANGUAGES: tuple[Language, ...] = ("python", "java")
_ATOMS = {"string", "string_literal", "character_literal"}
"""Nodes that are one token, whatever a newer grammar puts inside."""
_COMMENTS = {"comment", "line_comment", "block_comment"}
_JAVA_KEYWORDS = """
abstract assert boolean break byte case catch char class const continue default do double else enum
extends final finally float for goto if implements import instanceof int interface long native new
package private protected public return short static strictfp super switch synchronized this throw
throws transient try void volatile while
"""


@cache
def keywords(language: Language) -> frozenset[str]:
    """The words that the weighted n-gram match counts five times."""
    import keyword

    if language == "python":
        return frozenset(keyword.kwlist) | {"match", "case", "type"}
    return frozenset(_JAVA_KEYWORDS.split())


def parse(code: str, language: Language) -> Any:
    """The root node of a text; what is no code of the language gives ERROR nodes, no exception."""
    return _parser(language).parse(code.encode("utf-8", "surrogatepass")).root_node


def atom(node: Any) -> bool:
    """Whether a node is one token: a leaf, or a string as a whole."""
    return node.type not in _COMMENTS and (not node.children or node.type in _ATOMS)


def text(node: Any) -> str:
    """The source of a node."""
    return bytes(node.text or b"").decode("utf-8", "replace")


def tokens(code: str, language: Language) -> list[str]:
    """The tokens of a program, without comments and white space."""
    return [text(node) for node in atoms(parse(code, language)) if node.end_byte > node.start_byte]


def atoms(root: Any) -> Iterator[Any]:
    """The nodes that are one token, in source order."""
    return _topmost(root, atom)


def _topmost(root: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The nodes that are wanted, in source order; none inside another."""
    stack = [root]
    while stack:
        node = stack.pop()
        if wanted(node):
            yield node
        else:
            stack.extend(reversed(node.children))


def shapes(root: Any, known: dict[object, int]) -> list[int]:
    """A number for the shape of each inner node and of the root, equal shapes the same number.

    A shape is the types and field names of all named nodes below: what tree-sitter prints of a
    subtree. It says nothing of names and values. `known` keeps the numbers, and is filled here.
    """
    order: list[tuple[Any, int, str]] = [(root, -1, "")]
    for place, (node, _, _) in enumerate(order):  # grows while it is walked
        for number, child in enumerate(node.children):
            order.append((child, place, node.field_name_for_child(number) or ""))
    below: list[list[object]] = [[] for _ in order]
    found = []
    for place in range(len(order) - 1, -1, -1):
        node, parent, field = order[place]
        shape = known.setdefault((node.type, node.is_missing, tuple(below[place])), len(known))
        if node.children or parent < 0:
            found.append(shape)
        if parent >= 0 and (node.is_named or node.is_missing):
            below[parent].append((field, shape))
    return found


def without_comments(code: str, language: Language) -> str:
    """A program without comments, without statements that are a string only, and blank lines."""
    raw = code.encode("utf-8", "surrogatepass")
    pieces, end = [], 0
    for node in _topmost(parse(code, language), _says_nothing):
        pieces.append(raw[end : node.start_byte])
        end = max(end, node.end_byte)
    left = b" ".join([*pieces, raw[end:]]).decode("utf-8", "replace") if pieces else code
    return "\n".join(line for line in left.split("\n") if line.strip())


def tokenizes(code: str) -> bool:
    """Whether Python's own tokenizer gets through a text."""
    try:
        list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    return True


def _says_nothing(node: Any) -> bool:
    """A comment, or a statement that is a string only."""
    inside = [child.type for child in node.children]
    statement = bool(node.type == "expression_statement")
    return node.type in _COMMENTS or (statement and inside == ["string"])


@cache
def _parser(language: Language) -> Any:
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InputError("experiment.scorer_code_language", language=language, known=known)
    try:
        import tree_sitter

        grammar = import_module(f"tree_sitter_{language}")
    except ImportError as error:
        package = f"tree-sitter tree-sitter-{language}"
        raise InputError("experiment.scorer_package", package=package) from error
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))

"""Python source as a tree, safe to be asked for by several threads."""

import ast
from threading import RLock

_ONE = RLock()


def parse(code: str) -> ast.Module:
    """The tree of a program; what `ast.parse` raises where it is none.

    One thread at a time: before Python 3.11.5 all threads count the depth of the trees they build
    in one place, and when the garbage collector lets another thread in, they end with SystemError
    (python/cpython#106905).
    """
    with _ONE:
        return ast.parse(code)

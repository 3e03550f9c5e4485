"""Kamerton: adapt an open language model, prove that it helped, serve it, keep improving it.

The names below are for Python and notebooks (docs/tutorials/python.md). They are looked up when
they are asked for, so that importing a part of the package loads that part alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kamerton.app.public import (
        InputError,
        Run,
        compare,
        evaluate,
        grade,
        open_run,
        plan,
        run,
        runs,
        search,
        serving,
    )

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "Run",
    "__version__",
    "compare",
    "evaluate",
    "grade",
    "open_run",
    "plan",
    "run",
    "runs",
    "search",
    "serving",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'kamerton' has no attribute {name!r}")
    return getattr(import_module("kamerton.app.public"), name)


def __dir__() -> list[str]:
    return __all__

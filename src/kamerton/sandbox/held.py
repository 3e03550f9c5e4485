"""What stays on the other side of a box: objects of a candidate, seen from outside of it.

A function, a generator or an object of a class of its own cannot come out of a box as data. A
stand-in comes out instead, and what is done with it is done in the box; each result is data again.
A stand-in equals nothing but itself and knows no order and no arithmetic, so no operator of the
candidate decides a comparison.
"""

import builtins
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

Ask = Callable[..., Any]
"""Operation, arguments by position and by name, to the result from the box."""


class CandidateError(Exception):
    """The candidate raised, or answered what is no value."""

    kind: str = ""
    """The name of the error's type, as the candidate gave it."""
    text: str = ""
    line: int = 0
    """The candidate's line, from 1; 0 where it is not known."""

    def __str__(self) -> str:
        """As the candidate says it: the text of KeyError has its quotes already."""
        return self.text


# What a test may expect to be raised. StopIteration is none of them: it would end a loop of the
# test in silence; nor is AssertionError, which is the test's own word. The last needs arguments.
_NOT_RAISED = (StopIteration, StopAsyncIteration, AssertionError, MemoryError, ExceptionGroup)
_RAISED = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, (*_NOT_RAISED, UnicodeError))
} | {"UnicodeError": UnicodeError}


def error_type(kinds: list[str], declared: dict[str, type[CandidateError]]) -> type[CandidateError]:
    """The type of an error whose types have these names, the nearest first.

    It is also of the first of them that Python has, and of those that a test knows by its name.
    """
    own = [declared[kind] for kind in kinds if kind in declared]
    builtin = [_RAISED[kind] for kind in kinds if kind in _RAISED][:1]
    if own and not builtin:
        return own[0]
    bases = (*(own or [CandidateError]), *builtin)
    return type(kinds[0], bases, {})


class Held:
    """An object in a box: a function, or one of a class of the candidate's."""

    __slots__ = ("_ask", "_place")

    def __init__(self, ask: Ask, place: int | str) -> None:
        """`place`: its number in the box, or the candidate's name for it."""
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_place", place)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """What the function returns."""
        return self._ask("call", self, *positional, **named)

    def __getattr__(self, name: str) -> Any:
        """An attribute; special ones stay out of reach, but for a function's name."""
        if name.startswith("__") and name != "__name__":
            raise AttributeError(name)
        return self._ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute in the box."""
        self._ask("set", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        """The item of a key, a place or a slice."""
        return self._ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set an item in the box."""
        self._ask("set item", self, key, value)

    def __len__(self) -> int:
        """Its length, where it has one."""
        return int(self._ask("length", self))

    def __iter__(self) -> Iterator[Any]:
        """Its items, one by one out of the box."""
        items = self._ask("iterator", self)
        if not isinstance(items, Iterator):
            raise TypeError("not iterable")
        return items

    def __bool__(self) -> bool:
        """Whether it counts as true."""
        return self._ask("truth", self) is True

    def __str__(self) -> str:
        """What it says of itself."""
        return str(self._ask("text", self))

    def __repr__(self) -> str:
        """What it says of itself to a programmer."""
        return str(self._ask("code", self))

    def __enter__(self) -> Any:
        """Enter its context."""
        return self._ask("enter", self)

    def __exit__(self, *error: object) -> None:
        """Leave its context, as if without an error."""
        self._ask("exit", self)


def iterate(ask: Ask, place: int) -> Generator[Any, Any, Any]:
    """The items of an iterator in a box, each asked for when it is wanted."""
    held, sent = Held(ask, place), None
    while True:
        more, item = ask("next", held, sent)
        if not more:
            return item
        sent = yield item


async def awaited(ask: Ask, place: int) -> Any:
    """The result of a coroutine in a box."""
    return ask("await", Held(ask, place))


def stand_in(
    ask: Ask, tag: str, place: Any
) -> Held | Generator[Any, Any, Any] | Coroutine[Any, Any, Any]:
    """What a tag of the wire stands for. Raises TypeError for any other."""
    if type(place) is not int:
        raise TypeError("a place was expected")
    if tag == "lazy":
        return iterate(ask, place)
    if tag == "coroutine":
        return awaited(ask, place)
    if tag == "held":
        return Held(ask, place)
    raise TypeError(f"{tag} does not come out of a box")


def hold(value: Any, functions: list[Callable[..., Any]]) -> str | None:
    """How an argument is written that is no value: a stand-in, or a function of this side.

    Functions of the standard library run in the box; others are called back, and go to
    `functions`. None for whatever else there is.
    """
    if isinstance(value, Held):
        place = object.__getattribute__(value, "_place")
        return f'{{"held":"{place}"}}' if isinstance(place, str) else f'{{"held":{place}}}'
    if not callable(value):
        return None
    owner = getattr(value, "__objclass__", value)
    module, name = getattr(owner, "__module__", None), getattr(value, "__qualname__", "")
    if module in sys.modules and module.partition(".")[0] in sys.stdlib_module_names:
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value:
            return f'{{"named":["{module}","{name}"]}}'
    if value not in functions:
        functions.append(value)
    return f'{{"given":{functions.index(value)}}}'


def update(old: Any, new: Any) -> None:
    """Give a list, dict, set or bytearray the content that it has in the box, in place."""
    if type(old) is not type(new):
        return
    if isinstance(old, list | bytearray):
        old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)
    elif isinstance(old, tuple):
        for one, other in zip(old, new, strict=False):
            update(one, other)

"""Values as strict JSON, on both sides of a box: Python's own types, and each comes out as itself.

None, booleans, numbers, strings and lists are JSON's own; everything else is an object of one key,
its tag: `{"tuple": [1, 2]}`, `{"set": [...]}`, `{"dict": [[key, value], ...]}`,
`{"float": "inf"}`, `{"int": "0x..."}` for long integers, `{"bytes": "hex"}`,
`{"datetime.date": [2024, 2, 29]}` for the types of `_MADE`. Subclasses of builtin types (an int
with an `__eq__` of its own) are written as what they are made of, so that nothing of the
candidate's decides a comparison. Whatever else there is stays where it is, and whoever reads and
writes gives it a place: `{"held": 5}`.

This file is run in the box as well: it imports nothing, for a quick start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEPTH = 100
_SHORT = 2**63
_SAME_HASH = 32
_NONE: dict[str, str] = {}
_KEYS, _VALUES, _ITEMS = type(_NONE.keys()), type(_NONE.values()), type(_NONE.items())
_LONGEST_RANGE = 1_000_000
_MADE: dict[str, Callable[[Any], list[Any]]] = {
    "collections.Counter": lambda value: [dict(value)],
    "collections.OrderedDict": lambda value: [list(value.items())],
    "collections.deque": lambda value: [list(value), value.maxlen],
    "datetime.date": lambda value: [value.year, value.month, value.day],
    "datetime.datetime": lambda value: [value.isoformat()],
    "datetime.time": lambda value: [value.isoformat()],
    "datetime.timedelta": lambda value: [value.days, value.seconds, value.microseconds],
    "decimal.Decimal": lambda value: [str(value)],
    "fractions.Fraction": lambda value: [value.numerator, value.denominator],
    "pathlib.PosixPath": lambda value: [str(value)],
    "pathlib.PurePosixPath": lambda value: [str(value)],
    "uuid.UUID": lambda value: [str(value)],
}
"""Types of the standard library to what makes them; those of times are made of ISO 8601."""
_TYPES = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    list,
    tuple,
    set,
    frozenset,
    dict,
    range,
)


class NotWritable(Exception):
    """A value that is of no builtin type, too deep or too long."""


def write(
    value: Any,
    quote: Callable[[str], str],
    room: int,
    hold: Callable[[Any], str | None] = lambda value: None,
) -> str:
    """`value` as JSON text of at most `room` characters; `quote` writes a string in ASCII.

    `hold` writes what is of no type that is known here, or says None. Raises NotWritable.
    """
    parts: list[str] = []
    _write(value, (quote, hold), parts, [room], DEPTH)
    return "".join(parts)


def _put(text: str, parts: list[str], room: list[int]) -> None:
    room[0] -= len(text)
    if room[0] < 0:
        raise NotWritable("the answer is too long")
    parts.append(text)


def _write(value: Any, ways: tuple[Any, Any], parts: list[str], room: list[int], deep: int) -> None:
    if deep == 0:
        raise NotWritable("the answer is nested too deeply")
    simple = _simple(value, ways[0])
    if simple is not None:
        _put(simple, parts, room)
        return
    opened, items, closed = _container(value, ways[1])
    _put(opened, parts, room)
    first = True
    for item in items:
        if not first:
            _put(",", parts, room)
        first = False
        _write(item, ways, parts, room, deep - 1)
    _put(closed, parts, room)


def _simple(value: Any, quote: Callable[[str], str]) -> str | None:
    """The text of what holds nothing else."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quote(str.__str__(value))
    if isinstance(value, int):
        plain = int.__int__(value)
        return int.__repr__(plain) if -_SHORT < plain < _SHORT else f'{{"int":"{plain:#x}"}}'
    if isinstance(value, float):
        text = float.__repr__(value)
        return f'{{"float":"{text}"}}' if text in ("inf", "-inf", "nan") else text
    if isinstance(value, (bytes, bytearray)):
        tag = "bytes" if isinstance(value, bytes) else "bytearray"
        return f'{{"{tag}":"{bytes(value).hex()}"}}'
    if value.__class__ is type and value in _TYPES:
        return f'{{"type":"{value.__name__}"}}'
    return None


def _container(value: Any, hold: Callable[[Any], str | None]) -> tuple[str, Any, str]:
    """What opens it, what it holds, what closes it."""
    kind = type(value)
    if (
        kind.__module__ != "builtins"
        and (name := f"{kind.__module__}.{kind.__qualname__}") in _MADE
    ):
        return f'{{"{name}":[', _MADE[name](value), "]}"
    if isinstance(value, list):
        return "[", list.__iter__(value), "]"
    if isinstance(value, tuple):
        fields = getattr(kind, "_fields", None)
        if type(fields) is tuple and len(fields) == tuple.__len__(value):
            return '{"namedtuple":[', (kind.__name__, fields, *tuple.__iter__(value)), "]}"
        return '{"tuple":[', tuple.__iter__(value), "]}"
    if isinstance(value, set):
        return '{"set":[', set.__iter__(value), "]}"
    if isinstance(value, frozenset):
        return '{"frozenset":[', frozenset.__iter__(value), "]}"
    if isinstance(value, dict):
        return '{"dict":[', ([key, item] for key, item in dict.items(value)), "]}"
    if isinstance(value, complex):
        return '{"complex":[', (value.real, value.imag), "]}"
    return _lazy(value, hold)


def _lazy(value: Any, hold: Callable[[Any], str | None]) -> tuple[str, Any, str]:
    """Ranges, views and iterators, which tests turn into lists and sets; and what is held."""
    if isinstance(value, range):
        return '{"range":[', (value.start, value.stop, value.step), "]}"
    kind = type(value)
    if kind is _ITEMS:
        return '{"items":[', ([key, item] for key, item in value), "]}"
    if kind is _KEYS or kind is _VALUES:
        return ('{"keys":[' if kind is _KEYS else '{"values":['), value, "]}"
    if held := hold(value):
        return held, (), ""
    if hasattr(type(value), "__next__"):
        return '{"iterator":[', value, "]}"
    raise NotWritable(f"a value of type {type(value).__name__} is no builtin value")


def read(tree: Any, take: Callable[[str, Any], Any] | None = None) -> Any:
    """The value of a parsed JSON tree. Raises ValueError or TypeError for any other form.

    `take` gives what was held, by its tag and place.
    """
    if isinstance(tree, list):
        return [read(item, take) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) != 1:
        raise ValueError("an object of one key was expected")
    ((tag, held),) = tree.items()
    return _tagged(tag, held, take)


def _tagged(tag: str, held: Any, take: Callable[[str, Any], Any] | None) -> Any:
    if take is not None and tag in HELD:
        return take(tag, held)
    if tag in _TEXTS:
        if not isinstance(held, str):
            raise TypeError("text was expected")
        return _TEXTS[tag](held)
    if not (tag in _LISTS or tag in _MADE) or not isinstance(held, list):
        raise ValueError("no such tag")
    items = [read(item, take) for item in held]
    return _LISTS[tag](items) if tag in _LISTS else _make(tag, items)


def _make(name: str, arguments: list[Any]) -> Any:
    module, _, kind = name.rpartition(".")
    made_of = getattr(__import__(module), kind)
    return (made_of.fromisoformat if kind in ("datetime", "time") else made_of)(*arguments)


def _spread(keys: list[Any]) -> list[Any]:
    """The keys, where not many share a hash: such a set would take its reader hours."""
    seen: dict[int, int] = {}
    for key in keys:
        seen[hash(key)] = seen.get(hash(key), 0) + 1
    if max(seen.values(), default=0) > _SAME_HASH and len(keys) > 4 * _SAME_HASH:
        raise ValueError("too many keys of one hash")
    return keys


def _range(start: int, stop: int, step: int) -> range:
    """A range that a test may turn into a list."""
    made = range(start, stop, step)
    if made and abs(made[-1] - made[0]) // abs(step) > _LONGEST_RANGE:
        raise ValueError("the range is too long")
    return made


def _dict(pairs: list[Any]) -> dict[Any, Any]:
    _spread([key for key, _ in pairs])
    return dict(pairs)


HELD = ("held", "lazy", "coroutine", "given", "named")


def _namedtuple(name: str, fields: tuple[str, ...], *items: Any) -> Any:
    """A tuple whose items have names; each such type is made once, for that takes its time."""
    if (name, fields) not in _NAMED:
        _NAMED[name, fields] = __import__("collections").namedtuple(name, fields)
    return _NAMED[name, fields](*items)


_NAMED: dict[Any, Any] = {}
_TEXTS: dict[str, Callable[[str], Any]] = {
    "int": lambda text: int(text, 16),
    "float": lambda text: {"inf": float("inf"), "-inf": -float("inf"), "nan": float("nan")}[text],
    "bytes": bytes.fromhex,
    "type": {kind.__name__: kind for kind in _TYPES}.__getitem__,
    "bytearray": bytearray.fromhex,
}
_LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": lambda items: set(_spread(items)),
    "frozenset": lambda items: frozenset(_spread(items)),
    "dict": _dict,
    "namedtuple": lambda items: _namedtuple(*items),
    "complex": lambda items: complex(*items),
    "range": lambda items: _range(*items),
    "keys": lambda items: dict.fromkeys(_spread(items)).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: _dict(items).items(),
    "iterator": iter,
}

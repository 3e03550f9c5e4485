"""Values come out of a box as they are; whatever is no builtin value does not come out."""

import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from typing import Any

import pytest

from kamerton.sandbox.wire import NotWritable, read, write

ROOM = 10**6


def through(value: Any) -> Any:
    return read(json.loads(write(value, json.dumps, ROOM)))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**63, -(7**5000), 1.5, -0.0, math.inf, -math.inf, "", "жук\ud800\n",
        b"\0\xff", bytearray(b"x"), [], [1, [2]], (), (1, (2,)), {1, "a"}, frozenset({1}), {},
        {1: {2: (3,)}, "1": None, (1, 2): 3}, 1 + 2j, range(3, 9, 2),
    ],
)  # fmt: skip
def test_a_value_comes_back_as_itself(value: Any) -> None:
    back = through(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) if not isinstance(value, int) else True


def test_nan_comes_back() -> None:
    assert math.isnan(through(math.nan))


def test_views_and_iterators_can_be_read() -> None:
    assert through({1: 2}.keys()) == {1}
    assert list(through({1: 2}.values())) == [2]
    assert list(through({1: [2]}.items())) == [(1, [2])]
    assert list(through(x for x in "ab")) == ["a", "b"]
    assert (through(iter([1])) == [1]) is False


class Colour(IntEnum):
    RED = 1


class Yes(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (namedtuple("Pair", "a b")(1, 2), (1, 2)),
        (Colour.RED, 1),
        (Yes(3), 3),
    ],
)
def test_subclasses_become_what_they_are_made_of(value: Any, plain: Any) -> None:
    back = through(value)
    assert type(back) is type(plain)
    assert repr(back) == repr(plain)


def test_other_types_are_refused() -> None:
    for value in (object(), Yes, len, [object()]):
        with pytest.raises(NotWritable, match="no builtin value"):
            write(value, json.dumps, ROOM)


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotWritable, match="nested"):
        write(endless, json.dumps, ROOM)
    with pytest.raises(NotWritable, match="long"):
        write("x" * 100, json.dumps, 50)
    wide: Any = 1
    for _ in range(40):
        wide = [wide, wide]
    with pytest.raises(NotWritable, match="long"):
        write(wide, json.dumps, 10_000)


@pytest.mark.parametrize(
    "tree",
    [
        {}, {"a": 1}, {"int": 5}, {"int": "z"}, {"tuple": 1}, {"set": [[1]]}, {"dict": [[1]]},
        {"float": "big"}, {"bytes": "xyz"}, {"range": [0, 1, 0]}, {"range": ["a", 1, 1]},
        {"range": [0, 10**15, 1]}, {"set": [], "tuple": []}, {"complex": [1, 2, 3]},
    ],
)  # fmt: skip
def test_other_forms_are_refused(tree: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read(tree)


def test_keys_made_to_collide_are_refused() -> None:
    """2,000 such keys would already cost two million comparisons."""
    prime = 2**61 - 1
    with pytest.raises(ValueError, match="hash"):
        read({"set": [{"int": hex(prime * n)} for n in range(1, 2001)]})
    assert len(read({"set": list(range(5000))})) == 5000

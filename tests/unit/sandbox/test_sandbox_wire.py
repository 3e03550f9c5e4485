"""Values come out of a box as they are; whatever is no builtin value does not come out."""

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

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
        {1: {2: (3,)}, "1": None, (1, 2): 3}, 1 + 2j, range(3, 9, 2), Counter("aab"),
        OrderedDict(b=1, a=2), deque([1, [2]], 5), date(2024, 2, 29), time(1, 2, 3, 4), int, list,
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=3))), timedelta(-1, 5), Fraction(1, 3),
        Decimal("1.10"), UUID(int=5), PurePosixPath("a/b"), [date(1, 1, 1), {Fraction(2)}],
    ],
)  # fmt: skip
def test_a_value_comes_back_as_itself(value: Any) -> None:
    back = through(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) if not isinstance(value, int) else True


def test_a_tuple_keeps_the_names_of_its_items() -> None:
    back = through([namedtuple("Pair", "a b")(1, [2]), namedtuple("Pair", "a")(3)])
    assert back == [(1, [2]), (3,)] and (back[0].b, back[1].a) == ([2], 3)


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
        (defaultdict(int, a=1), {"a": 1}),
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
        {"datetime.date": [2024, 2, 30]}, {"os.system": ["x"]}, {"fractions.Fraction": [1, 0]},
        {"namedtuple": ["a b", {"tuple": []}]}, {"namedtuple": ["A", 5]},
        {"held": 1}, {"type": "eval"},
        {"range": [0, 10**15, 1]}, {"set": [], "tuple": []}, {"complex": [1, 2, 3]},
    ],
)  # fmt: skip
def test_other_forms_are_refused(tree: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        read(tree)


def test_keys_made_to_collide_are_refused() -> None:
    """2,000 such keys would already cost two million comparisons."""
    prime = 2**61 - 1
    with pytest.raises(ValueError, match="hash"):
        read({"set": [{"int": hex(prime * n)} for n in range(1, 2001)]})
    assert len(read({"set": list(range(5000))})) == 5000

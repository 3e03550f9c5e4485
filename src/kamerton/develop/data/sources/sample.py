"""A stated number of rows for each part of a set that comes in one part, the same on every run.

A row's hash says which part it may go to and its rank there; each part takes its lowest ranks. So
the choice depends neither on the order of the rows nor on how they are spread over files, a row
never changes parts when the numbers change, and a smaller sample is the beginning of a larger one.
"""

import heapq
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from kamerton.formats.errors import InputError

SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}
"""Share of all rows that each part may draw from."""
_BITS = 64

Row = dict[str, Any]
Placed = tuple[str, Row]


def part_and_rank(row: Row, columns: Sequence[str]) -> tuple[str, int]:
    """The part that a row may go to, and its place there by chance: 64 bits.

    Hashed is its `id`, or the contents of `columns` where it has none.
    """
    own = row.get("id")
    named = isinstance(own, str | int) and str(own).strip()
    key = str(own) if named else json.dumps([row.get(c) for c in columns], default=str)
    value = int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=16).digest(), "big")
    point, rank = (value >> _BITS) / 2**_BITS, value & (2**_BITS - 1)
    for part, share in SHARES.items():
        point -= share
        if point < 0:
            return part, rank
    return "test", rank


def draw(
    rows: Iterable[Placed], wanted: Mapping[str, int], columns: Sequence[str]
) -> dict[str, list[Placed]]:
    """For each part that is wanted its rows with their places, by rank; fewer where there are less.

    One pass over the rows. Memory: the rows that are kept, packed (about 2 KB each of code tasks).
    """
    heaps: dict[str, list[tuple[int, bytes, str]]] = {part: [] for part in wanted}
    for origin, row in rows:
        part, rank = part_and_rank(row, columns)
        heap, most = heaps.get(part, []), wanted.get(part, 0)
        if len(heap) < most:
            heapq.heappush(heap, (-rank, _packed(row), origin))
        elif most and -rank >= heap[0][0]:
            heapq.heappushpop(heap, (-rank, _packed(row), origin))
    return {part: _ranked(heap) for part, heap in heaps.items()}


def _ranked(heap: list[tuple[int, bytes, str]]) -> list[Placed]:
    best = sorted(heap, reverse=True)
    return [(origin, json.loads(zlib.decompress(data))) for _, data, origin in best]


def _packed(row: Row) -> bytes:
    return zlib.compress(json.dumps(row, sort_keys=True, default=str).encode(), 1)


def enough(part: str, has: int, wanted: int, where: str) -> None:
    """InputError where a part has fewer rows than a recipe asks for."""
    if has < wanted:
        values = {"part": part, "has": has, "wanted": wanted}
        raise InputError("develop.read_too_few", where=where, **values)

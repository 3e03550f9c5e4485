"""Rows off the Hugging Face hub, and a stated number of them for each part of a set.

A sample is the same on every run. A row's hash says which part it may go to and its rank there;
each part takes its lowest ranks. So the choice depends neither on the order of the rows nor on how
they are spread over files, a row never changes parts when the numbers change, and a smaller sample
is the beginning of a larger one.
"""

import heapq
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Any

from kamerton.documents.tables import Placed, Row
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress

SIZES = "sizes.json"
SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}
"""Share of all rows that each part may draw from."""
_BITS = 64


def part_and_rank(row: Row, columns: Sequence[str]) -> tuple[str, int]:
    """The part that a row may go to, and its place there by chance: 64 bits.

    Hashed is its `id`, or the contents of `columns` where it has none.
    """
    row_id = row.get("id")
    named = isinstance(row_id, str | int) and str(row_id).strip()
    key = str(row_id) if named else json.dumps([row.get(c) for c in columns], default=str)
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
    return {
        part: [(o, json.loads(zlib.decompress(data))) for _, data, o in sorted(heap, reverse=True)]
        for part, heap in heaps.items()
    }


def _packed(row: Row) -> bytes:
    return zlib.compress(json.dumps(row, sort_keys=True, default=str).encode(), 1)


@dataclass(frozen=True)
class Source:
    """One split of a set on the hub."""

    name: str
    config: str | None
    split: str
    revision: str | None
    """Commit, tag or branch; None: the newest."""


def stream(source: Source, columns: Sequence[str]) -> Iterator[Placed]:
    """All rows of a split with their places, `name:split#row`, as they come over the network.

    InputError where the hub does not answer; it says how to give a local copy with `columns`.
    """
    from datasets import load_dataset

    try:
        rows = load_dataset(
            source.name,
            source.config,
            split=source.split,
            revision=source.revision,
            streaming=True,
        )
        for number, row in enumerate(rows, start=1):
            yield f"{source.name}:{source.split}#{number}", dict(row)
    except Exception as error:  # the package lets through whatever its network library raises
        why = (str(error).splitlines() or [type(error).__name__])[0]
        values = {"why": why, "columns": ", ".join(columns)}
        raise InputError("develop.read_no_hub", where=source.name, **values) from error


def sampled(
    source: Source, part: str, sizes: Mapping[str, int], columns: Sequence[str], cache: Path
) -> list[Placed]:
    """Rows of one part of a sample; all parts are drawn in one pass and kept in `cache`.

    A later call, also one for fewer rows, reads that copy and needs no network.
    """
    key = "\0".join(str(item) for item in (source.name, source.config, source.revision))
    place = cache / sha256(key.encode()).hexdigest()[:16]
    noted = place / SIZES
    kept = dict(json.loads(read_text(noted))) if noted.is_file() else {}
    if kept.get(part, -1) < sizes[part]:
        note(say("develop.read_sampling", name=source.name))
        most = {name: max(size, kept.get(name, 0)) for name, size in sizes.items()}
        with progress(source.name, 0, say("develop.rows")) as bar:
            _keep(draw(_counted(stream(source, columns), bar), most, columns), most, place)
    with (place / f"{part}.jsonl").open(encoding="utf-8") as lines:
        pairs = (json.loads(line) for line in islice(lines, sizes[part]))
        return [(origin, row) for origin, row in pairs]


def _counted(rows: Iterable[Placed], bar: Any) -> Iterator[Placed]:
    for row in rows:
        bar.update(1)
        yield row


def _keep(drawn: Mapping[str, list[Placed]], sizes: Mapping[str, int], place: Path) -> None:
    """Write each part, whole or not at all; the sizes, written last, mean finished."""
    place.mkdir(parents=True, exist_ok=True)
    (place / SIZES).unlink(missing_ok=True)
    for part, rows in drawn.items():
        handle, temporary = tempfile.mkstemp(dir=place, prefix=f".{part}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream_out:
            for placed in rows:
                stream_out.write(json.dumps(placed) + "\n")
        Path(temporary).replace(place / f"{part}.jsonl")
    write_text(place / SIZES, json.dumps(dict(sizes)) + "\n")

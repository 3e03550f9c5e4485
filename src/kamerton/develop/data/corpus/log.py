"""A repaired text and its change log on disk: from both, the text that was read comes back.

All but personal data that was masked: it stands in neither.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.develop.data.clean.edits import Edit, apply, track, undone
from kamerton.develop.data.clean.filters import Drop
from kamerton.develop.data.clean.repair import Change, restore

if TYPE_CHECKING:
    from kamerton.develop.data.clean.edits import Offsets

BLACK = "█"
"""Stands for each character of personal data."""


@dataclass(frozen=True, slots=True)
class Masked:
    """Personal data that a mask replaced; what stood there is not kept."""

    start: int
    length: int
    kind: str


@dataclass(frozen=True)
class Log:
    """All that was done to one document before it was compared with others.

    Offsets of a rule's edits are those of the text that the rule saw, offsets of `masked` those of
    the repaired text, offsets of drops those of the text after both.
    """

    document: str
    changes: tuple[Change, ...]
    drops: tuple[Drop, ...]
    masked: tuple[Masked, ...] = ()


def name(document_id: str) -> str:
    """A file name for any document id."""
    return blake2b(document_id.encode(), digest_size=10).hexdigest()


def write(folder: Path, log: Log, text: str) -> None:
    """Keep a repaired text and its log. No time stamp: equal logs are equal bytes."""
    changes = [
        (c.rule, [[e.start, old, e.new] for e, old in zip(c.edits, c.old, strict=True)])
        for c in log.changes
    ]
    tree = {
        "document": log.document,
        "changes": [{"rule": rule, "edits": edits} for rule, edits in changes],
        "masked": [[m.start, m.length, m.kind] for m in log.masked],
        "drops": [[d.start, d.end, d.rule, text[d.start : d.end]] for d in log.drops],
    }
    data = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    (folder / f"{name(log.document)}.txt").write_bytes(text.encode())
    (folder / f"{name(log.document)}.json.gz").write_bytes(gzip.compress(data, 5, mtime=0))


def read_text(folder: Path, document_id: str) -> str:
    """A repaired text."""
    return (folder / f"{name(document_id)}.txt").read_bytes().decode()


def read(folder: Path, document_id: str) -> Log:
    """The log of a document."""
    tree = json.loads(gzip.decompress((folder / f"{name(document_id)}.json.gz").read_bytes()))
    return Log(
        document=tree["document"],
        changes=tuple(_change(of["rule"], of["edits"]) for of in tree["changes"]),
        drops=tuple(Drop(start, end, rule) for start, end, rule, _ in tree["drops"]),
        masked=tuple(Masked(*row) for row in tree["masked"]),
    )


def _change(rule: str, rows: Sequence[tuple[int, str, str]]) -> Change:
    edits = tuple(Edit(start, start + len(old), new) for start, old, new in rows)
    return Change(rule, edits, tuple(old for _, old, _ in rows))


def restored(folder: Path, document_id: str) -> str:
    """The text as it was read; each character of personal data that was masked is a `█`."""
    log = read(folder, document_id)
    masks = [Edit(m.start, m.start + m.length, f"<{m.kind.upper()}>") for m in log.masked]
    text = undone(read_text(folder, document_id), masks, [BLACK * m.length for m in log.masked])
    return restore(text, log.changes)


def blackened(
    source: str, changes: Sequence[Change], masked: Sequence[Masked], origin: "Offsets"
) -> tuple[Change, ...]:
    """The changes of a text without the personal data that they touch.

    `origin` is that of the repaired text. A log that kept what a mask hides would undo the mask.
    """
    import numpy as np

    secret = np.zeros(len(source) + 1, np.int64)
    for of in masked:
        secret[origin[of.start] + 1 : origin[of.start + of.length] + 1] = 1
    before, step, hidden = np.cumsum(secret), track(source), []
    for change in changes:
        ends = [(step.origin[e.start], step.origin[e.end]) for e in change.edits]
        hide = [bool(before[end] > before[start]) for start, end in ends]
        hidden.append(_black(change, hide))
        step = apply(step, change.edits)
    return tuple(hidden)


def _black(change: Change, hide: Sequence[bool]) -> Change:
    edits = zip(change.edits, hide, strict=True)
    return Change(
        change.rule,
        tuple(Edit(e.start, e.end, BLACK * len(e.new)) if black else e for e, black in edits),
        tuple(BLACK * len(o) if b else o for o, b in zip(change.old, hide, strict=True)),
    )

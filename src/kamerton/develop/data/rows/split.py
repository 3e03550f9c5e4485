"""Training and held-out rows: by what the sources say, else whole groups drawn by the seed."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from kamerton.develop.data.rows.collect import Sourced
from kamerton.formats.chat import ChatRow

Split = tuple[list[ChatRow], list[ChatRow]]


def split(rows: Sequence[Sourced], share: float, seed: int) -> Split:
    """Training rows and held-out rows, each in the order of their ids.

    Groups go to one side whole, never rows alone. A training row of a group that a source holds
    out goes to neither.
    """
    ordered = sorted(rows, key=lambda r: r.row.id)
    if any(r.held_out for r in ordered):
        held = {r.row.group for r in ordered if r.held_out}
        train = [r.row for r in ordered if not r.held_out and r.row.group not in held]
        return train, [r.row for r in ordered if r.held_out]
    chosen = _drawn([str(r.row.group) for r in ordered], share, seed)
    train = [r.row for r in ordered if r.row.group not in chosen]
    return train, [r.row for r in ordered if r.row.group in chosen]


def _drawn(groups: Sequence[str], share: float, seed: int) -> set[str]:
    """Groups in an order that only their names and the seed decide, until the share is full."""
    wanted, chosen, rows = share * len(groups), set[str](), 0
    sizes = Counter(groups)
    for group in sorted(sizes, key=lambda g: blake2b(f"{seed}:{g}".encode()).digest()):
        if rows >= wanted:
            break
        chosen.add(group)
        rows += sizes[group]
    return chosen

"""Edits of a text, and a text that still knows where each of its characters was read.

A rule proposes edits; applying them gives the next text. The offsets of an edit are those of the
text that its rule saw, so undoing the rules from the last to the first gives the text that was
read, character by character.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Offsets = NDArray[np.int32]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` become `new`; equal offsets insert, an empty `new` cuts."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Tracked:
    """A text on its way through the rules."""

    text: str
    origin: "Offsets"
    """For each character its offset in the text that was read, and one more for the end."""
    touched: "Flags"
    """For each character that was read: whether an edit has replaced or cut it."""


def track(text: str) -> Tracked:
    """A text as it was read."""
    import numpy as np

    return Tracked(text, np.arange(len(text) + 1, dtype=np.int32), np.zeros(len(text), bool))


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits, which are in order and do not overlap."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*pieces, text[at:]])


def undone(text: str, edits: Sequence[Edit], old: Sequence[str]) -> str:
    """The text before `edits`; `old[i]` is what edit i replaced."""
    shift, back = 0, []
    for edit, was in zip(edits, old, strict=True):
        start = edit.start + shift
        back.append(Edit(start, start + len(edit.new), was))
        shift += len(edit.new) - (edit.end - edit.start)
    return edited(text, back)


def apply(tracked: Tracked, edits: Sequence[Edit]) -> Tracked:
    """The next text, its origins, and what was touched so far."""
    import numpy as np

    if not edits:
        return tracked
    starts = np.fromiter((e.start for e in edits), np.int64, len(edits))
    ends = np.fromiter((e.end for e in edits), np.int64, len(edits))
    sizes = np.fromiter((len(e.new) for e in edits), np.int64, len(edits))
    origin = _next_origin(tracked.origin, starts, ends, sizes)
    covered = _covered(tracked.origin[starts], tracked.origin[ends], len(tracked.touched))
    return Tracked(edited(tracked.text, edits), origin, tracked.touched | covered)


def _next_origin(
    origin: "Offsets",
    starts: "NDArray[np.int64]",
    ends: "NDArray[np.int64]",
    sizes: "NDArray[np.int64]",
) -> "Offsets":
    """New characters take the origins of those they replace, one by one as far as these go."""
    import numpy as np

    kept = origin[~_covered(starts, ends, len(origin))]
    removed = np.cumsum(ends - starts) - (ends - starts)
    which = np.repeat(np.arange(len(starts)), sizes)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    last = np.maximum(ends - 1, starts)
    values = origin[np.minimum(starts[which] + nth, last[which])]
    return np.insert(kept, (starts - removed)[which], values)


def _covered(starts: "NDArray[np.integer]", ends: "NDArray[np.integer]", length: int) -> "Flags":
    """Which of `length` places lie in any of the spans."""
    import numpy as np

    steps = np.zeros(length + 1, np.int32)
    np.add.at(steps, starts, 1)
    np.add.at(steps, ends, -1)
    return np.asarray(np.cumsum(steps)[:length] > 0)

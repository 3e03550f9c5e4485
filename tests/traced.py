"""Edits by hand, character by character: slow, and plain enough to be right."""

from collections.abc import Sequence

from kamerton.develop.data.clean.edits import Edit

Traced = list[tuple[str, int]]


def naive(chars: Traced, end: int, edits: Sequence[Edit], touched: set[int]) -> Traced:
    """The same by hand: new characters take the origins of those they replace, one by one."""
    origins = [origin for _, origin in chars] + [end]
    found, at = [], 0
    for edit in edits:
        found += chars[at : edit.start]
        replaced = origins[edit.start : edit.end] or [origins[edit.start]]
        for place, letter in enumerate(edit.new):
            found.append((letter, replaced[min(place, len(replaced) - 1)]))
        touched.update(range(origins[edit.start], origins[edit.end]))
        at = edit.end
    return found + chars[at:]

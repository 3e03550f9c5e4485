"""Exact duplicates: the same words in the same order, whatever their case and punctuation."""

from collections.abc import Iterable


def repeats(hashes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (id, its words or their hash), in order of preference: each repeat and what it repeats.

    An empty value is a text without words: it repeats nothing.
    """
    first: dict[str, str] = {}
    found = {}
    for name, value in hashes:
        if value in first:
            found[name] = first[value]
        elif value:
            first[value] = name
    return found

"""Exact duplicates: the same words in the same order, whatever their case and punctuation."""

from collections.abc import Iterable


def repeats(hashes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (id, hash of the words), in order of preference: each repeat and the id it repeats."""
    first: dict[str, str] = {}
    found = {}
    for name, value in hashes:
        if value in first:
            found[name] = first[value]
        else:
            first[value] = name
    return found

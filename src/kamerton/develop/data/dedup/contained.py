"""Texts inside other texts: the share of a text's runs of eight words that others have too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.shingles import Hashes

WORDS = 8
_TOLD = 0.01
_FEW = 64


@dataclass(frozen=True)
class Containment:
    """How much of one text stands in others."""

    id: str
    share: float
    """Of this text's shingles, in all other texts together."""
    within: dict[str, float]
    """The same for each other text that has at least one in a hundred of them."""


def containments(documents: Mapping[str, "Hashes"], least: float) -> list[Containment]:
    """Every text of which at least `least` stands in others, by id.

    Counts distinct shingles. Memory: 20 bytes for each distinct shingle of each text, and 24 for
    each one that two texts share. `within` may be low where more than `_FEW` texts share a shingle.
    """
    import numpy as np

    names = sorted(documents)
    distinct = [np.unique(documents[name]) for name in names]
    sizes = np.array([len(of) for of in distinct], np.int64)
    hashes = np.concatenate([np.zeros(0, np.uint64), *distinct])
    owners = np.repeat(np.arange(len(names), dtype=np.int64), sizes)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    repeats = np.zeros(len(hashes), bool)
    repeats[1:] = hashes[1:] == hashes[:-1]
    repeats[:-1] |= repeats[1:]
    anywhere = np.bincount(owners[repeats], minlength=len(names)) / np.maximum(1, sizes)
    within = _within(hashes, owners, sizes, names)
    return [
        Containment(name, float(anywhere[i]), within.get(i, {}))
        for i, name in enumerate(names)
        if sizes[i] and anywhere[i] >= least
    ]


def _within(
    hashes: "Hashes", owners: "NDArray[np.int64]", sizes: "NDArray[np.int64]", names: list[str]
) -> dict[int, dict[str, float]]:
    """For each text, by number, its share in each other text, from sorted shingles."""
    import numpy as np

    codes = []
    for step in range(1, _FEW):
        same = hashes[step:] == hashes[:-step]
        if not same.any():
            break
        codes.append(owners[:-step][same] * len(names) + owners[step:][same])
    pairs, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]), return_counts=True)
    found: dict[int, dict[str, float]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        ends = divmod(pair, len(names))
        for one, other in (ends, ends[::-1]):
            if count >= _TOLD * sizes[one]:
                found.setdefault(one, {})[names[other]] = float(count / sizes[one])
    return found

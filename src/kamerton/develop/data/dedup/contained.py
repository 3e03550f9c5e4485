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

    Counts distinct shingles. Memory: 12 bytes for each distinct shingle of each text.
    """
    import numpy as np

    names = sorted(documents)
    distinct = [np.unique(documents[name]) for name in names]
    hashes = np.concatenate(distinct) if distinct else np.zeros(0, np.uint64)
    owners = np.repeat(np.arange(len(names), dtype=np.int32), [len(d) for d in distinct])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    repeats = np.zeros(len(hashes), bool)
    shared = np.zeros((len(names), len(names)), np.int64)
    step = 1
    while (same := hashes[step:] == hashes[:-step]).any():
        repeats[step:] |= same
        repeats[:-step] |= same
        np.add.at(shared, (owners[:-step][same], owners[step:][same]), 1)
        step += 1
    shared += shared.T
    anywhere = np.bincount(owners[repeats], minlength=len(names))
    return [
        Containment(name, anywhere[i] / len(distinct[i]), _within(shared, distinct, names, i))
        for i, name in enumerate(names)
        if len(distinct[i]) and anywhere[i] / len(distinct[i]) >= least
    ]


def _within(
    shared: "NDArray[np.int64]", distinct: "list[Hashes]", names: list[str], i: int
) -> dict[str, float]:
    shares = {
        other: float(shared[i, j] / len(distinct[i])) for j, other in enumerate(names) if j != i
    }
    return {other: share for other, share in shares.items() if share >= _TOLD}

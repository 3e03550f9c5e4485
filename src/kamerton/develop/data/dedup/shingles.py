"""Texts to hashed runs of words, the same on every machine and in every order of reading."""

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_WORD = re.compile(r"\w+")
_BASE = 0x9E3779B97F4A7C15
"""Odd multiplier of the rolling hash (2^64 divided by the golden ratio)."""


def normal(text: str) -> str:
    """A text without case, ё and punctuation: what counts as the same words."""
    return " ".join(_WORD.findall(text.casefold().replace("ё", "е")))


class _WordHashes(dict[str, int]):
    """Each word's 64-bit hash, computed once; Python's own `hash` differs from run to run."""

    def __missing__(self, word: str) -> int:
        value = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        self[word] = value
        return value


_HASHES = _WordHashes()


def word_hashes(text: str) -> "Hashes":
    """One hash for each word of the text."""
    import numpy as np

    words = _WORD.findall(text.casefold().replace("ё", "е"))
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


def shingles(words: "Hashes", size: int) -> "Hashes":
    """One hash for each run of `size` words; a shorter text has one, of all its words."""
    import numpy as np

    size = min(size, len(words))
    if not size:
        return words
    total = np.zeros(len(words) - size + 1, np.uint64)
    for place in range(size):
        total = total * np.uint64(_BASE) + words[place : place + len(total)]
    return total

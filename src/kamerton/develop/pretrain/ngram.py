"""The baseline of a model trained from scratch: an interpolated modified Kneser-Ney n-gram model.

Chen and Goodman 1998 (TR-10-98), section 3: three discounts for each order, from counts of counts;
lower orders count after how many tokens an n-gram stands, not how often. As in KenLM (Heafield et
al. 2013), n-grams that begin with BOS keep their plain counts, for nothing stands before them, and
unigrams are interpolated with the uniform distribution.

N-grams are numbers: the place of the first n - 1 tokens in the sorted list of the order below,
times the vocabulary's size, plus the last token. So any order and vocabulary fit 64 bits, and
everything is sorting, counting and binary search over whole arrays.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.pretrain.rows import Rows
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Floats = NDArray[np.float64]

NEVER = 2
"""Number of tokens that follow nothing: BOS and padding."""
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of an order whose counts of counts give none (KenLM's `--discount_fallback`)."""
NONE = -1
"""The place of an n-gram that training never saw."""
_INSIDE = range(0x80, 0xC0)
"""Bytes of UTF-8 that continue a character."""
_BYTE = re.compile("<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Runs:
    """Tokens of packed rows without padding, run after run."""

    tokens: "Ids"
    """[tokens]"""
    age: "Ids"
    """How far each token stands from its run's BOS, whose age is 0. [tokens]"""


@dataclass(frozen=True)
class Level:
    """All n-grams of one order; a context is its place in the order below, the empty one 0."""

    keys: "Ids"
    """Context times size of the vocabulary plus last token, sorted. [n-grams]"""
    share: "Floats"
    """Discounted count of an n-gram over the count of its context. [n-grams]"""
    rest: "Floats"
    """What discounting leaves for the order below; 1 for a context that nothing follows.
    [contexts]"""


@dataclass(frozen=True)
class Ngram:
    """A trained model."""

    size: int
    """Tokens of the vocabulary."""
    levels: tuple[Level, ...]
    """Order 1 first."""


@dataclass(frozen=True)
class _Grams:
    """The distinct n-grams of one order in the training runs."""

    keys: "Ids"
    """As in Level. [n-grams]"""
    times: "Ids"
    """How often it stands there; BOS alone is never predicted: 0. [n-grams]"""
    first: "Ids"
    """Where each ends for the first time. [n-grams]"""
    opening: "NDArray[np.bool_]"
    """Whether it begins with BOS. [n-grams]"""
    places: "Ids"
    """Which of them ends at each token of the runs, or NONE. [tokens]"""


def nats_per_character(
    train: Rows, held_out: Rows, tokenizer: Path, size: int, order: int
) -> float:
    """Nats that the n-gram model of `train` needs for each character of `held_out`.

    `tokenizer`: the folder of their tokenizer, of `size` tokens. Every token of a run is a target,
    but its BOS. InputError as of `runs`.
    """
    learnt, tried = (runs(one.ids, one.marks.bos, one.marks.pad) for one in (train, held_out))
    total = order * (len(learnt.tokens) + len(tried.tokens))
    label = say("develop.ngram_counting", order=order)
    with progress(label, total, say("develop.card_tokens")) as bar:
        model = fit(learnt, size, order, bar.update)
        return -float(log_probabilities(model, tried, bar.update).sum()) / characters(
            tried.tokens, tokenizer
        )


def characters(rows: "NDArray[np.integer[Any]]", tokenizer: Path) -> int:
    """Characters of the texts that token ids of any shape stand for; special tokens have none.

    Exact where a run ends inside a character too: it counts where its first byte stands.
    `tokenizer`: the folder of a corpus's own tokenizer, byte-level or with a token for each byte.
    """
    import numpy as np

    begun = np.array(_begun(tokenizer))
    return int(np.bincount(rows.ravel(), minlength=len(begun)) @ begun)


def _begun(tokenizer: Path) -> list[int]:
    """How many characters begin in each token of the vocabulary."""
    from tokenizers import Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    loaded = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    state = json.loads(loaded.to_str())
    special = {token["id"] for token in state["added_tokens"] if token["special"]}
    letters = bytes_to_unicode().items() if state["decoder"]["type"] == "ByteLevel" else ()
    inside = {letter for byte, letter in letters if byte in _INSIDE}

    def count(token: str) -> int:
        byte = _BYTE.fullmatch(token)
        if byte and not letters:  # a token for one byte
            return int(int(byte[1], 16) not in _INSIDE)
        return sum(letter not in inside for letter in token)

    every = (str(loaded.id_to_token(i)) for i in range(loaded.get_vocab_size()))
    return [0 if i in special else count(token) for i, token in enumerate(every)]


def runs(rows: "NDArray[np.integer[Any]]", bos: int, pad: int) -> Runs:
    """The runs of packed rows [rows, context], of which each begins a run with BOS.

    InputError where no token is a target.
    """
    import numpy as np

    tokens = rows[rows != pad].astype(np.int64)
    if not (tokens != bos).any():
        raise InputError("develop.ngram_no_runs")
    places = np.arange(len(tokens))
    began = np.maximum.accumulate(np.where(tokens == bos, places, 0))
    return Runs(tokens, places - began)


def _no_progress(tokens: int) -> None: ...


def fit(learnt: Runs, size: int, order: int, step: Callable[[int], object] = _no_progress) -> Ngram:
    """The model of an order over a vocabulary of `size`; `step` is called with tokens counted.

    No order is higher than the longest run has tokens, its BOS among them. ValueError for an order
    below 1.
    """
    import numpy as np

    if order < 1:
        raise ValueError("an n-gram model has an order of 1 at least")
    every: list[_Grams] = []
    for length in range(1, min(order, int(learnt.age.max()) + 1) + 1):
        every.append(_grams(learnt, every[-1] if every else None, length, size))
        step(len(learnt.tokens))
    levels: list[Level] = []
    contexts = 1
    for grams, longer in zip(every, [*every[1:], None], strict=True):
        counts = grams.times
        if longer is not None:  # shorter ones count after how many tokens they stand
            after = np.bincount(grams.places[longer.first], minlength=len(grams.keys))
            counts = np.where(grams.opening, grams.times, after)
        levels.append(_level(grams.keys, counts, contexts, size))
        contexts = len(grams.keys)
    return Ngram(size, tuple(levels))


def _grams(learnt: Runs, below: _Grams | None, length: int, size: int) -> _Grams:
    """The n-grams of one order; `below` are those of the order before it."""
    import numpy as np

    whole = np.flatnonzero(learnt.age >= length - 1)
    context = below.places[whole - 1] if below else np.zeros(len(whole), np.int64)
    keys, first, inverse, times = np.unique(
        context * size + learnt.tokens[whole],
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    places = np.full(len(learnt.tokens), NONE)
    places[whole] = inverse
    first = whole[first]
    opening = learnt.age[first] == length - 1
    return _Grams(keys, times if length > 1 else times * ~opening, first, opening, places)


def _level(keys: "Ids", counts: "Ids", contexts: int, size: int) -> Level:
    """Discounted shares of one order; a count of 0 is that of BOS alone."""
    import numpy as np

    context = keys // size
    discounts = np.array([0.0, *_discounts(counts)])[np.minimum(counts, 3)]
    total = np.bincount(context, counts, contexts)
    followed = np.maximum(total, 1)
    left = np.bincount(context, discounts, contexts)
    rest = np.where(total > 0, left / followed, 1.0)
    return Level(keys, (counts - discounts) / followed[context], rest)


def _discounts(counts: "Ids") -> tuple[float, float, float]:
    """Of n-grams that were counted once, twice, and more often (Chen and Goodman, equation 26)."""
    import numpy as np

    one, two, three, four = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    if not all((one, two, three, four)):
        return FALLBACK
    share = one / (one + 2 * two)
    discounts = (
        1 - 2 * share * two / one,
        2 - 3 * share * three / two,
        3 - 4 * share * four / three,
    )
    fits = all(0 < discount <= count for count, discount in enumerate(discounts, start=1))
    return discounts if fits else FALLBACK


def log_probabilities(
    model: Ngram, tried: Runs, step: Callable[[int], object] = _no_progress
) -> "Floats":
    """Natural logarithm of the probability of every target [targets], in the order of the runs."""
    import numpy as np

    likely = np.full(len(tried.tokens), 1 / (model.size - NEVER))
    places = np.zeros(len(tried.tokens), np.int64)
    for length, level in enumerate(model.levels, start=1):
        whole = np.flatnonzero(tried.age >= length - 1)
        context = places[whole - 1] if length > 1 else places
        whole, context = whole[context != NONE], context[context != NONE]
        keys = context * model.size + tried.tokens[whole]
        nearest = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        seen = level.keys[nearest] == keys
        likely[whole] = (
            np.where(seen, level.share[nearest], 0) + level.rest[context] * likely[whole]
        )
        places = np.full(len(tried.tokens), NONE)
        places[whole[seen]] = nearest[seen]
        step(len(tried.tokens))
    return np.asarray(np.log(likely[tried.age > 0]))

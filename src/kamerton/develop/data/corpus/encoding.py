"""The texts of a corpus as token ids, encoded once for the tokenizer's report and the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint16]

LARGEST = 65_536
"""Tokens that two bytes can name."""


@dataclass(frozen=True)
class EncodedText:
    """A text, where its passages lie in it, and their tokens."""

    document: CorpusText
    places: tuple[tuple[int, int], ...]
    """Start and end of each passage in the text."""
    ids: "tuple[Ids, ...]"
    """Of each passage, without marks."""


def encode(documents: Sequence[CorpusText], tokenizer: Any) -> list[EncodedText]:
    """Every passage of every text as ids (uint16 [tokens]), in the order of the documents.

    Raises ValueError for a vocabulary that two bytes cannot number.
    """
    if tokenizer.get_vocab_size() > LARGEST:
        raise ValueError("more tokens than two bytes can number")
    # A text may hold "<eos>" itself: there it is five characters and no mark.
    tokenizer.encode_special_tokens = True
    total = sum(len(document.text) for document in documents)
    found = []
    with progress(say("develop.corpus_encoding"), total, say("develop.characters")) as bar:
        for document in documents:
            found.append(_encoded(document, tokenizer))
            bar.update(len(document.text))
    return found


def _encoded(document: CorpusText, tokenizer: Any) -> EncodedText:
    import numpy as np

    places = tuple(passages(document))
    # The library encodes a batch on all cores; places of characters would cost it time.
    every = tokenizer.encode_batch_fast([document.text[start:end] for start, end in places])
    return EncodedText(document, places, tuple(np.array(one.ids, np.uint16) for one in every))


def passages(document: CorpusText) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between two gaps, without the blanks around it."""
    for start, end in zip([0, *document.gaps], [*document.gaps, len(document.text)], strict=True):
        part = document.text[start:end]
        if bare := part.strip():
            first = start + len(part) - len(part.lstrip())
            yield first, first + len(bare)


def cut(document: CorpusText) -> Iterator[str]:
    """The passages of a text."""
    for start, end in passages(document):
        yield document.text[start:end]

"""Exact match, contains, and closeness by edit distance: what needs no model."""

from unicodedata import normalize

from kamerton.experiment.scorers.scored import (
    Answers,
    Example,
    References,
    Scored,
    Scorer,
    check,
    mean,
    version,
)
from kamerton.formats.matching import contains, words


def exact(answers: Answers, references: References) -> Scored:
    """1 where the answer is one of its references but for outer and repeated white space (NFC)."""
    check(answers, references)
    items = tuple(
        float(_plain(answer) in {_plain(one) for one in those})
        for answer, those in zip(answers, references, strict=True)
    )
    return Scored(items, mean(items), "exact|norm:nfc.space|refs:any")


def exact_words(answers: Answers, references: References) -> Scored:
    """1 where the answer has the words and numbers of one reference, in order.

    Case, punctuation, е for ё and the commas of thousands make no difference (`formats.matching`).
    Where a reference has no word ("?"), the texts are compared as `exact` compares them.
    """
    check(answers, references)
    items = tuple(
        float(any(_same_words(answer, one) for one in those))
        for answer, those in zip(answers, references, strict=True)
    )
    return Scored(items, mean(items), "exact|norm:words|refs:any")


def contained(answers: Answers, references: References) -> Scored:
    """1 where one of the references stands in the answer, whole words only.

    ` | ` stands between alternatives of a reference and `*` ends a stem, as in `formats.matching`.
    The rule does not see negation: "not bronze" holds bronze.
    """
    check(answers, references)
    items = tuple(
        float(any(contains(answer, one) for one in those))
        for answer, those in zip(answers, references, strict=True)
    )
    return Scored(items, mean(items), "contains|norm:words|refs:any")


def edit_similarity(answers: Answers, references: References) -> Scored:
    """1 - Levenshtein distance / length of the longer text, in characters (NFC); best reference."""
    check(answers, references)
    signature = f"edit|levenshtein|unit:character|norm:nfc.space|rapidfuzz:{version('rapidfuzz')}"
    from rapidfuzz.distance import Levenshtein

    items = tuple(
        max(float(Levenshtein.normalized_similarity(_plain(answer), _plain(one))) for one in those)
        for answer, those in zip(answers, references, strict=True)
    )
    return Scored(items, mean(items), signature)


SCORERS = {
    "exact_match": Scorer("exact_match", exact, (0.0, 1.0)),
    "exact_words": Scorer("exact_words", exact_words, (0.0, 1.0)),
    "contains": Scorer("contains", contained, (0.0, 1.0)),
    "edit_similarity": Scorer(
        "edit_similarity",
        edit_similarity,
        (0.0, 1.0),
        example=Example("kitten", "sitting", 1 - 3 / 7, "Levenshtein 1966"),
    ),
}


def _plain(text: str) -> str:
    return " ".join(normalize("NFC", text).split())


def _same_words(answer: str, reference: str) -> bool:
    wanted = words(reference)
    return words(answer) == wanted if wanted else _plain(answer) == _plain(reference)

"""Exact match, contains, and closeness by edit distance: what needs no model."""

from kamerton.experiment.scorers.scored import Example, by_pairs, version
from kamerton.formats.matching import contains, words
from kamerton.formats.spelling import SPELLING, plain

_EDIT = f"edit|levenshtein|unit:character|norm:{SPELLING}.space"


def exact(answer: str, reference: str) -> float:
    """1 where the answer is the reference but for white space and spelling (`plain`)."""
    return float(_plain(answer) == _plain(reference))


def exact_words(answer: str, reference: str) -> float:
    """1 where the answer has the words and numbers of the reference, in order.

    Case, punctuation, е for ё and the commas of thousands make no difference (`formats.matching`).
    Where a reference has no word ("?"), the texts are compared as `exact` compares them.
    """
    wanted = words(reference)
    return float(words(answer) == wanted) if wanted else exact(answer, reference)


def contained(answer: str, reference: str) -> float:
    """1 where the reference stands in the answer, whole words only.

    ` | ` stands between alternatives of a reference and `*` ends a stem, as in `formats.matching`.
    The rule does not see negation: "not bronze" holds bronze.
    """
    return float(contains(answer, reference))


def edit_similarity(answer: str, reference: str) -> float:
    """1 - Levenshtein distance / length of the longer text, in characters after `plain`."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(_plain(answer), _plain(reference)))


def _plain(text: str) -> str:
    return " ".join(plain(text).split())


SCORERS = {
    scorer.name: scorer
    for scorer in (
        by_pairs("exact_match", exact, lambda: f"exact|norm:{SPELLING}.space|refs:any"),
        by_pairs("exact_words", exact_words, lambda: "exact|norm:words|refs:any"),
        by_pairs("contains", contained, lambda: "contains|norm:words|refs:any"),
        by_pairs(
            "edit_similarity",
            edit_similarity,
            lambda: f"{_EDIT}|rapidfuzz:{version('rapidfuzz')}",
            Example("kitten", "sitting", 1 - 3 / 7, "Levenshtein 1966"),
        ),
    )
}

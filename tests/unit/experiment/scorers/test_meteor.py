"""METEOR by hand, in Russian, and beside nltk's, which has no synonyms here."""

from typing import Any

import pytest

pytest.importorskip("nltk")

from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.meteor import align

MAT = "the cat sat on the mat"


def meteor(answer: str, *references: str) -> Any:
    return SCORERS["meteor"].score([answer], [list(references)]).items[0]


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        (MAT, MAT, 1 - 0.5 / 6**3),  # one chunk of six words
        ("the cat was sat on the mat", MAT, 60 / 61 * (1 - 0.5 / 27)),
        ("on the mat sat the cat", MAT, 1 - 0.5 / 8),  # three chunks of six
        ("a a a b", "b a a a", 1 - 0.5 / 8),  # the repeated word stays in one chunk
        ("cats", "the cat", 10 * 0.5 / (0.5 + 9) * 0.5),  # a stem; P = 1, R = 1/2, one chunk of one
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("?", "?", 1.0),
        ("?", "!", 0.0),
    ],
)
def test_figures_by_hand(answer: str, reference: str, value: float) -> None:
    assert meteor(answer, reference) == pytest.approx(value)


def test_russian_words_match_in_their_forms() -> None:
    reference = "Идол из Помоса вырезан из пикролита."
    assert meteor(reference, reference) == pytest.approx(1 - 0.5 / 6**3)
    inflected = meteor("Идола из Помоса вырезали из пикролита", reference)
    assert meteor("Идол крест", reference) < inflected
    assert align(["ёлки", "бронзового"], ["бронзовая", "ёлка"]) == {0: 1, 1: 0}


def test_the_best_reference_counts() -> None:
    assert meteor(MAT, "something else", MAT) == meteor(MAT, MAT)


def test_texts_without_repeated_words_are_scored_as_nltk_scores_them() -> None:
    from nltk.stem.snowball import SnowballStemmer
    from nltk.translate.meteor_score import single_meteor_score

    class Without:
        """A WordNet that knows no word."""

        def synsets(self, word: str) -> list[Any]:
            return []

    pairs = [
        ("a bronze idol was carved at Pomos", "the idol of Pomos is carved from picrolite"),
        ("museums keep two crosses", "one museum keeps the cross in its hall"),
        ("nothing alike", "the idol of Pomos"),
    ]
    for answer, reference in pairs:
        words = [one.lower().split() for one in (reference, answer)]
        stemmer: Any = SnowballStemmer("english")
        theirs = single_meteor_score(*words, stemmer=stemmer, wordnet=Without())  # type: ignore[arg-type,unused-ignore]
        assert meteor(answer, reference) == pytest.approx(theirs)


def test_a_long_text_of_few_words_is_aligned_at_once() -> None:
    words = "the a of in and " * 40
    assert 0 < meteor(words, words[::-1]) < meteor(words, words) < 1

"""Words in one spelling, BM25's formula, and the fusion of rankings."""

from math import isclose, log
from unicodedata import normalize

import pytest

from kamerton.retrieval.bm25 import K1, B, Bm25, stem, words
from kamerton.retrieval.search import fused


@pytest.mark.parametrize(
    "forms",
    [
        "идол идола идолу идолом идоле идолы идолов идолами идолах",
        "чаша чаши чаше чашу чашей чаш чашами чашах",
        "остров острова острову островом острове островов островами",
        "музей музея музею музеем музее музеи музеев музеями",
        "статуя статуи статуе статую статуей статуй статуями",
        "бронзовый бронзового бронзовому бронзовым бронзовая бронзовую бронзовые бронзовыми",
        "синий синего синему синим синяя синюю синие синими",
        "век века веку веком веке веков веками",
        "царь царя царю царём царе цари царей царями",
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(word) for word in words(forms)}) == 1


def test_other_words_stay_apart() -> None:
    text = "идол чаша остров музей статуя синий век царь бог рог дом храм том Рим"
    assert len(set(words(text))) == len(text.split())
    assert all(len(word) >= 3 for word in words(text))


def test_a_stem_is_its_own_stem() -> None:
    for word in words("каменными островами Саламинского царства и хранится в Никосии"):
        assert stem(word) == word


def test_case_yo_marks_and_broken_letters_make_no_difference() -> None:
    assert words("ЁЛКА, «ёлка»; елка!") == ["елк"] * 3
    assert words(normalize("NFD", "ёлкой зелёный")) == words("ёлкой зелёный")
    assert words("Houses of 3000 BC, café") == ["houses", "of", "3000", "bc", "café"]
    assert words("?! —") == []


def test_scores_are_those_of_the_formula() -> None:
    index = Bm25(["red bowl", "red clay bowl bowl", "stone idol", "bronze god god god"])
    mean = (2 + 4 + 2 + 4) / 4
    rarity = log(1 + (4 - 2 + 0.5) / (2 + 0.5))
    short = rarity * 1 / (1 + K1 * (1 - B + B * 2 / mean))
    long = rarity * 2 / (2 + K1 * (1 - B + B * 4 / mean))
    found = index.top("which BOWL?", 9)
    assert [row for row, _ in found] == [1, 0]
    assert isclose(found[0][1], long) and isclose(found[1][1], short)
    twice = index.top("bowl bowl", 9)
    assert isclose(twice[0][1], 2 * long)


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    index = Bm25(["the bowl"] + ["the idol"] * 8)
    assert index.top("the bowl", 1)[0][0] == 0
    assert all(score > 0 for _, score in index.top("the", 9)), "most passages hold it"


def test_only_passages_that_share_a_word_are_found_and_ties_keep_their_order() -> None:
    index = Bm25(["a b", "c", "b a", ""])
    assert [row for row, _ in index.top("a", 4)] == [0, 2]
    assert index.top("z", 4) == index.top("", 4) == []
    assert Bm25([]).top("a", 4) == Bm25(["", "?"]).top("a", 4) == []


def test_fusion_sums_reciprocal_ranks() -> None:
    one, other = [(3, 9.0), (1, 8.0), (2, 7.0)], [(2, 0.5), (3, 0.4)]
    found = fused([one, other], 4)
    assert [row for row, _ in found] == [3, 2, 1]
    assert isclose(found[0][1], 1 / 61 + 1 / 62)
    assert isclose(found[1][1], 1 / 63 + 1 / 61)
    assert isclose(found[2][1], 1 / 62)
    assert [row for row, _ in fused([[(5, 1.0)], [(4, 1.0)]], 1)] == [4], "a tie: the first row"

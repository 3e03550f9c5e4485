"""Filters: what goes, with its reason, and what is like it and stays."""

from itertools import pairwise

import pytest

from kamerton.develop.data.clean.filters import (
    Drop,
    Limits,
    drops,
    foreign_share,
    naive_drops,
)

RUSSIAN = Limits()
STAYS = [
    "— Да!",
    "XIV",
    "P.S.",
    "Глава III. В пути",
    "— Да-а-а! Ну-у... Ох!",
    "Он сказал: «Oui, mon ami», — и долго ещё смеялся, вспоминая об этом дне.",
    "В комнате №5 весь вечер сидел N. и читал Revue.",
    "Тихо, тихо, тихо падает снег на крыши домов и на деревья",
    "Въ исторіи Россіи и Азіи, по мнѣнію ученыхъ, линіи сіи видны всѣмъ.",
    "Её звали Ђурђа, и жила она у моря с отцом, матерью и двумя братьями в старом доме.",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_stays(text: str) -> None:
    assert drops(text, RUSSIAN) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("* * *", "too_short"),
        ("1", "too_short"),
        ("— А!", "too_short"),
        ("12.5 | 13.7 | 14.2 | 15.9 итого", "few_letters"),
        ("да да да да да да да да да нет", "repetition"),
        ("Міст через річку закрили на ремонт, їхати треба іншою вулицею, є об'їзд.", "language"),
        ("Стары мост праз раку зачынілі на рамонт, ехаць трэба іншай вуліцай.", "language"),
        ("Стари мост преко реке је затворен због поправке, а људи чекају.", "language"),
        ("Bonjour, mon cher ami.", "foreign"),
    ],
)
def test_what_goes(text: str, rule: str) -> None:
    assert drops(text, RUSSIAN) == [Drop(0, len(text), rule)]


def test_a_foreign_sentence_goes_and_its_neighbours_stay() -> None:
    text = "Он вошёл в дом. Bonjour, mon cher ami, dit-il. Никто не ответил ему."
    found = drops(f"Первый абзац.\n{text}", RUSSIAN)
    assert [(f"Первый абзац.\n{text}"[d.start : d.end], d.rule) for d in found] == [
        ("Bonjour, mon cher ami, dit-il.", "foreign")
    ]


def test_drops_are_in_order_and_apart() -> None:
    text = (
        "* * *\nОн вошёл. Oh yes, my dear!\n\n1\nДа. Bonjour, madame. Нет. Au revoir, monsieur.\n"
    )
    found = drops(text, RUSSIAN)
    assert [d.rule for d in found] == ["too_short", "foreign", "too_short", "foreign", "foreign"]
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_the_share_of_foreign_letters_leaves_numerals_and_single_letters_out() -> None:
    assert foreign_share("Глава XIV", "ru") == 0.0
    assert foreign_share("Oui, сказала", "ru") == 0.3
    assert foreign_share("Точки A, B и C", "ru") == 0.0
    assert foreign_share("The café", "en") == 1 / 7
    assert foreign_share("12 — 15", "ru") == 0.0


def test_the_naive_rule_takes_what_ours_keep() -> None:
    text = "Глава XIV. Он вошёл.\nВ комнате сидел N. и ждал."
    assert drops(text, RUSSIAN) == []
    taken = [text[d.start : d.end] for d in naive_drops(text, "ru")]
    assert taken == ["Глава XIV.", "В комнате сидел N. и ждал."]


def test_limits_are_where_the_recipe_draws_them() -> None:
    text = "Он сказал: «Oui, mon ami», — и долго ещё смеялся."
    assert drops(text, Limits(foreign=0.1)) == [Drop(0, len(text), "foreign")]
    assert drops("— А!", Limits(shortest=1)) == []
    assert drops("да да да да нет да нет да нет да", Limits(repetition=0.2))[0].rule == "repetition"
    assert drops("Кошка and dog", Limits(language="en", foreign=0.5)) == []

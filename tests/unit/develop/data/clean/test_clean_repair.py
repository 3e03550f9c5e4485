"""All rules together: clean texts stay, a repaired text stays, every text comes back as it was."""

import random

import pytest
from mending import ALL, CLEAN, OLD, mended, nasty

from kamerton.develop.data.clean.repair import RULES, preview, repair, restore
from kamerton.develop.settings.data import ALL_REPAIRS

DAMAGED = "Привет, мир! Это строка.".encode().decode("cp1251")
DIRTY = [
    *CLEAN,
    OLD,
    f"Целая строка.\r\n{DAMAGED}\r\nЕщё одна.",
    'Аннa\u00ad и Пьерa..... ушли -- в Из#за{12}, содержан╕я [3] "да" !!!!!!',
    '"Он сказал: "да"", -- сказала она "--" и ушла.',
    "я a cнег и y окна; Глава ХIV, Николай І",
    "пере\u00ad\nнос \u200b и\u2028новая \x0c строка",
    "- Да.\n-- Нет.\n--- Кто?\n• Он!\n–5 градусов",
    "[1[2]] {1[2]} [1\n{5}\n2] ,,,а . . . .. !!!!?????",
    OLD + "Россiя, Iюнь, Ѳeдоръ, въъ; ѣя, Cловакія и cъ нимъ, y ней.",
    "\n-----\n.....\n=====\n* * *\n\n\n",
]
PIECES = [
    *'аеосрхАСХЕмтеъѣіѲя  \n\n.,!?-–—#╕"«»{}[]12acoyxkCXIVp\u00ad\u200b\u00a0\t\r\x0c•=_*',
    *("....", "--", "---", " - ", "{12}", "[3]", '"а', 'а"', "страннаго ", "къ", "іи", "І"),
    *("слово ", "сло-\n", "\u00ad\n", "?????", "\n-----\n", "— Да\n", "Xerox", ",,"),
]
BROKEN = ["Р°С‚", "РїСЂРё", "вЂ”", "\ud800"[:0], "\U0001f600", "é", "\u0301", "\x00"]


def test_settings_name_every_rule_and_no_other() -> None:
    assert sorted(ALL_REPAIRS) == sorted(RULES)


@pytest.mark.parametrize("text", CLEAN, ids=lambda text: text[:30])
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    tracked, changes = repair(text, ALL)
    assert (tracked.text, changes) == (text, [])


@pytest.mark.parametrize("text", DIRTY, ids=lambda text: text[:30])
def test_a_repaired_text_has_nothing_left_to_repair(text: str) -> None:
    tracked, changes = repair(text, ALL)
    assert restore(tracked.text, changes) == text
    assert repair(tracked.text, ALL)[1] == []


@pytest.mark.parametrize("seed", range(20))
def test_random_texts_of_what_rules_look_for_are_repaired_once_and_for_all(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        text = nasty(rng, PIECES, rng.choice([3, 6, 12, 40, 200]))
        tracked, changes = repair(text, ALL)
        assert restore(tracked.text, changes) == text
        assert repair(tracked.text, ALL)[1] == [], repr(text)


@pytest.mark.parametrize("seed", range(20))
def test_any_text_comes_back_whatever_rules_were_chosen(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        text = nasty(rng, PIECES + BROKEN, rng.randint(0, 120))
        rules = rng.sample(ALL, rng.randint(0, len(ALL)))
        tracked, changes = repair(text, rules)
        assert restore(tracked.text, changes) == text
        assert {change.rule for change in changes} <= set(rules)
        assert len(tracked.origin) == len(tracked.text) + 1
        assert (tracked.origin[1:] >= tracked.origin[:-1]).all()


def test_untouched_characters_are_the_source_s_own() -> None:
    for text in DIRTY:
        tracked, _ = repair(text, ALL)
        for letter, origin in zip(tracked.text, tracked.origin.tolist(), strict=False):
            assert tracked.touched[origin] or text[origin] == letter


def test_rules_go_in_their_own_order_whatever_the_recipe_s() -> None:
    text = 'Онъ сказалъ: "да", -- и ушелъ.....'
    forward, back = repair(text, ALL), repair(text, ALL[::-1])
    assert (forward[0].text, forward[1]) == (back[0].text, back[1])
    assert mended(text) == "Он сказал: «да», — и ушел..."


def test_a_preview_counts_what_each_rule_alone_would_take() -> None:
    found = preview("Аннa.....  и\r\n", ["look_alikes", "repeated", "line_ends", "quotes"])
    assert found == {"look_alikes": 4, "repeated": 5, "line_ends": 2, "quotes": 0}

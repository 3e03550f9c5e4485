"""Rows under one template: kept where they fill it differently, near-duplicates where not."""

import random
from collections.abc import Sequence

import pytest

from kamerton.develop.data.dedup import templates
from kamerton.develop.data.dedup.near import word_hashes
from kamerton.develop.data.dedup.runs import own, template, words_of

INSTRUCTION = (
    "Прочитайте отзыв покупателя и решите, доволен ли автор покупкой или нет. Отвечайте ровно "
    "одним словом: положительный или отрицательный, без пояснений и без знаков препинания."
)
TOWNS = ["Казань", "Самара", "Тула", "Омск", "Томск", "Псков", "Орёл", "Пермь", "Нижний Новгород"]
THINGS = ["чайник", "утюг", "пылесос", "миксер", "телевизор", "холодильник", "фен", "тостер"]
FATES = ["сломался через два дня", "работает без единой жалобы", "пахнет горелой проводкой"]
NUMBERED = (
    "Счёт номер {} выставлен за доставку оборудования на склад в срок до конца месяца и оплачен"
)
LETTER = (
    "Уважаемый {}, приглашаем вас на ежегодную выставку насосного оборудования, которая пройдёт в "
    "павильоне номер {} с десяти утра до шести вечера; вход для гостей свободный."
)
ORDER = "Клиент из города {} заказал {} и просит доставить его в пятницу до полудня без звонка"
SIGHTS = "старые улицы, музеи, кафе, длинная набережная и парк над рекой с духовым оркестром"
SETS = {
    "one word": [
        f"Напиши для туристов, что посмотреть в городе {t} за два дня весной." for t in TOWNS
    ],
    "one word twice": [
        f"Расскажи про {t} подробно и с датами. Вот рассказ про {t}: он длинный." for t in TOWNS
    ],
    "the first word": [f"{t} ждёт гостей: {SIGHTS}" for t in TOWNS],
    "the last word": [f"Вот что такое {SIGHTS}: это город {t}" for t in TOWNS],
    "a number": [NUMBERED.format(1000 + n) for n in range(12)],
    "an input of its own": [f"{INSTRUCTION} Мой {a} {b}." for a in THINGS for b in FATES],
    "an input before it": [f"Мой {a} {b}. {INSTRUCTION}" for a in THINGS for b in FATES],
    "two slots": [LETTER.format(name, hall) for name in THINGS for hall in ("три", "пять", "семь")],
    "slots of many values": [ORDER.format(a, b) for a in TOWNS for b in THINGS],
    "five rows": [f"{INSTRUCTION} {text}" for text in ("Да.", "Нет!", "Может быть", "Ура", "Увы")],
    "two templates": [
        *(f"{INSTRUCTION} Мой {thing} хорош." for thing in THINGS),
        *(f"{INSTRUCTION} Пишите по-английски. Наш {thing} плох." for thing in THINGS),
    ],
}


def pairs(texts: Sequence[str], threshold: float = 0.5) -> list[tuple[int, int]]:
    return [(a, b) for a, b, _ in templates.pairs([word_hashes(of) for of in texts], threshold)]


@pytest.mark.parametrize("texts", SETS.values(), ids=SETS)
@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_rows_that_fill_a_template_differently_are_kept(texts: list[str], threshold: float) -> None:
    assert pairs(texts, threshold) == []


@pytest.mark.parametrize("texts", SETS.values(), ids=SETS)
def test_the_same_filling_with_a_small_change_is_a_near_duplicate(texts: list[str]) -> None:
    end = "Спасибо за внимание ко всем нашим предложениям в этом году"
    changed = f"{texts[2]} {end.replace('всем', 'всяким')}"
    assert pairs([*(f"{text} {end}" for text in texts), changed]) == [(2, len(texts))]


@pytest.mark.parametrize("copies", [2, 3, 4, 5, 9, 30])
@pytest.mark.parametrize("seed", range(3))
def test_copies_with_small_changes_are_near_duplicates_however_many(copies: int, seed: int) -> None:
    rng = random.Random(seed)
    text = f"{INSTRUCTION} {LETTER}".split()
    texts = []
    for number in range(copies):
        words, place = text.copy(), rng.randrange(len(text))
        words[place : place + rng.randint(0, 1)] = [f"опечатка{number}"]
        texts.append(" ".join(words))
    assert {other for _, other in pairs(texts)} == set(range(1, copies))


def test_a_pair_that_is_near_is_none_of_a_template() -> None:
    assert pairs([SETS["a number"][0], SETS["a number"][1]]) == [(0, 1)]


def test_prompts_are_read_without_their_instructions() -> None:
    prompts = [*SETS["an input of its own"], INSTRUCTION, "Сколько стоит утюг?"]
    shared = template(words_of(enumerate(prompts)), prompts)
    alone = own(prompts, shared)
    assert alone[0] == "чайник сломался через два дня" and alone[-2:] == prompts[-2:]

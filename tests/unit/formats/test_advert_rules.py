"""What a rule sees of an advertising text beside its brief: planted faults, and what is none."""

from pathlib import Path

import pytest

from kamerton.formats import advert
from kamerton.formats.brief import Brief, Order, read_orders
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows

BRIEF = Brief(
    beginning="Считайте сами.",
    task="представить новинку к 2027 году",
    product="насос «Иволга-40»",
    facts=("подача до 40 м³/ч", "ресурс 10 000 пусков", "напор 12,5 м", "не боится песка"),
    audience="инженеры",
    channel="site",
    tone="деловой",
)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Насос «Иволга-40» ждёт вас.", 0),
        ("Он подаёт 41 кубометр.", 0),
        ("Он подаёт 38 м³/ч при напоре 12,5 метра.", 1),
        ("Напоры выше, песок ему нипочём.", 1),
        ("Выдержит 10 тыс. пусков.", 1),
        ("Выдержит 10\u202f000 включений и 12.5 метра.", 2),
        ("Считайте сами. Песка он не боится, подача высокая, напор и ресурс тоже.", 4),
    ],
)
def test_a_fact_is_told_by_a_figure_or_a_longer_word_of_it(text: str, facts: int) -> None:
    assert advert.told(text, BRIEF) == facts


def test_what_the_given_beginning_says_does_not_count() -> None:
    brief = BRIEF.model_copy(update={"beginning": "Напор решает."})
    assert advert.told("Напор решает. Приходите.", brief) == 0
    assert advert.told("Напор решает. Напор — это наше.", brief) == 1


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("Считайте сами: 40 м³/ч, напор 12.5 м, 10000 пусков, с 2027 года.", []),
        ("Ресурс 10 тысяч пусков, Иволга-40.", []),
        ("Ресурс 10\u00a0000 пусков.", []),
        ("1. Подача.\n2) Напор.\n 3. Ресурс.", []),
        ("Экономит 30 % и служит 15 лет, 30 %!", ["30", "15"]),
        ("Подача 400 м³/ч.", ["400"]),
        ("Ресурс 12 тыс. пусков.", ["12000"]),
        ("Сорок кубометров за три часа.", []),
        ("1.Подача.\n**2.** Напор.\n(3) Ресурс.", []),
        ("Ресурс:\n15.\nЗвоните.", ["15"]),
        ("1.5 м\nи всё", ["1.5"]),
        ("Ресурс 8–10 тыс. пусков.", ["8000"]),
        ("0,01 млн пусков.", []),
        ("Ресурс 10\u2009000 пусков.", []),
        ("Ресурс 5 тысячных.", ["5"]),
        ("IP40 220 В", ["220"]),
    ],
)
def test_a_figure_that_the_brief_lacks_is_invented(text: str, figures: list[str]) -> None:
    assert advert.invented(text, BRIEF) == figures


def test_figures_of_two_facts_are_not_one() -> None:
    facts = ("вместо 400", "120 лм на ватт")
    brief = BRIEF.model_copy(update={"facts": facts})
    assert advert.invented("120 лм вместо 400, а не 400 120.", brief) == ["400120"]


def test_a_fact_without_longer_words_is_known_by_its_short_ones() -> None:
    facts = ("шум 40 дБ", "включается, когда надо")
    brief = BRIEF.model_copy(update={"facts": facts})
    assert advert.told("Шум его невелик.", brief) == 1
    assert advert.told("Когда вы рядом.", brief) == 0
    assert advert.told("Включите его.", brief) == 1


def test_thousands_are_the_same_in_every_spelling() -> None:
    spelled = [
        "10 000",
        "10\u00a0000",
        "10\u202f000",
        "10,000",
        "10000",
        "10 тыс.",
        "10 тысяч",
        "0.01 million",
    ]
    assert {tuple(advert.fact_words(one)) for one in spelled} == {("10000",)}
    assert advert.fact_words("40 000 и 2 500") == {"40000", "2500"}
    assert advert.fact_words("в 10 раз, 12 штук") == {"10", "12"}


def test_twelve_words_in_a_row_are_copied_and_eleven_are_not() -> None:
    said = "раз два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать"
    brief = BRIEF.model_copy(update={"about": said})
    assert advert.copied(f"Итак, {said.upper()}!", brief) == said
    assert advert.copied(f"Итак, {said.rsplit(' ', 1)[0]}.", brief) == ""
    assert advert.copied(f"{said}. Приходите.", brief.model_copy(update={"beginning": said})) == ""


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("Ваш [имя].", "[имя]"),
        ("{город}", "{город}"),
        ("Тел. ____", "____"),
        ("a_b < 3", ""),
        ("шум < 45, КПД > 9", ""),
        ("[сайт](https://a.b) <PHONE>", ""),
        ("<имя>", "<имя>"),
    ],
)
def test_the_first_gap_is_named(text: str, gap: str) -> None:
    assert advert.gap(text) == gap


def test_a_row_has_one_order(tmp_path: Path) -> None:
    order = Order(id="a", brief=BRIEF, shortest=10, longest=90)
    path = tmp_path / "briefs.jsonl"
    write_rows(path, [order, order.model_copy(update={"id": "b"})])
    assert read_orders(path)["b"].brief == BRIEF
    write_rows(path, [order, order])
    with pytest.raises(InputError, match=r"briefs\.jsonl:2: two briefs are of the row a"):
        read_orders(path)
    path.write_text(order.model_dump_json().replace('"shortest":10', '"shortest":91'))
    with pytest.raises(InputError, match="shortest is more than longest"):
        read_orders(path)
    path.write_text('{"id": "a", "brief": {"product": "x"}, "shortest": 1, "longest": 2}\n')
    with pytest.raises(InputError, match=r"briefs\.jsonl:1: field brief\.task"):
        read_orders(path)

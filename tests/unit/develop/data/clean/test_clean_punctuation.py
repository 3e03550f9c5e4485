"""Marks: repeated ones, dashes and quotes; minus signs, ellipses and inches stay."""

import pytest
from mending import by


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Да!!!!!! Ну????", "Да!!! Ну???"),
        ("Да!!! Что??", "Да!!! Что??"),
        ("Он..... ушёл", "Он... ушёл"),
        ("Он . . . . . ушёл", "Он ... ушёл"),
        ("Конец. . . . .", "Конец..."),
        ("Он... .....сын", "Он...сын"),
        ("да,, но;; и:: вот", "да, но; и: вот"),
        ("крикнули ,,ура!”", "крикнули ,,ура!”"),
        ("абзац\n------\n*****\nабзац", "абзац\n\n\nабзац"),
        ("* * *", "* * *"),
        ("т. д. и т. п.", "т. д. и т. п."),
    ],
)
def test_repeated_marks(text: str, right: str) -> None:
    assert by("repeated", text) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("- Да, - сказал он.", "— Да, — сказал он."),
        ("-- Да, -- сказал он.", "— Да, — сказал он."),
        ("--Да", "—Да"),
        ("--- Кто это?", "— Кто это?"),
        ("– Да, – сказал он.", "— Да, — сказал он."),
        ("• Да", "— Да"),
        ("раму.--- Что это", "раму.— Что это"),
        ("Нет,-- ответил", "Нет,— ответил"),
        ("земля --- и пусто", "земля — и пусто"),
        ("Ночь -- и день", "Ночь — и день"),
    ],
)
def test_what_stands_for_a_dash_becomes_one(text: str, right: str) -> None:
    assert by("dashes", text) == right


@pytest.mark.parametrize(
    "text",
    [
        "-5 градусов",
        "–5 градусов",
        "5 - 3 = 2",
        "в 1905 – 1907 годах",
        "кто-нибудь, из-за",
        "-Слово без пробела",
        "команда --help",
        "—— уже",
        "----",
    ],
)
def test_minus_and_hyphen_stay(text: str) -> None:
    assert by("dashes", text) == text


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('Роман "Идиот" и "Бесы".', "Роман «Идиот» и «Бесы»."),
        ('"Он сказал: "да"".', "«Он сказал: «да»»."),
        ('Он ответил "OK" и ушёл', 'Он ответил "OK" и ушёл'),
        ('труба на 5" и на 6" шире', 'труба на 5" и на 6" шире'),
        ('"не закрыто', '"не закрыто'),
        ('"две\nстроки"', '"две\nстроки"'),
    ],
)
def test_straight_quotes_in_pairs(text: str, right: str) -> None:
    assert by("quotes", text) == right

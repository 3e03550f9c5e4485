"""Letters: damaged encodings, hidden characters, look-alikes; each with what must stay."""

import pytest
from mending import by

DAMAGED = "Привет, мир!".encode().decode("cp1251")
TWICE = "Где".encode().decode("cp1251").encode().decode("cp1251")


def test_utf8_read_as_cp1251_comes_back_line_by_line() -> None:
    text = f"Целая строка.\n{DAMAGED}\nЕщё одна."
    assert by("encoding", text) == "Целая строка.\nПривет, мир!\nЕщё одна."


def test_a_text_damaged_twice_is_mended_twice() -> None:
    assert by("encoding", TWICE) == "Где"


def test_a_lone_damaged_dash_comes_back() -> None:
    assert by("encoding", "—".encode().decode("cp1251") + " Yes") == "— Yes"


@pytest.mark.parametrize("text", ["СССР №1 — «Россия»", "Ђорђе и Љиља", "Сам § 5, Рим ‹и мир›", ""])
def test_whole_text_is_not_decoded(text: str) -> None:
    assert by("encoding", text) == text


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("сло\u00adво", "слово"),
        ("\ufeffНачало\u200b конец\u0007", "Начало конец"),
        ("пере\u00ad\nнос", "перенос"),
        ("пере\u00ad  \n   нос", "перенос"),
        ("точка.\u00ad\nНовая строка", "точка.\nНовая строка"),
        ("таб\tи\nстрока", "таб\tи\nстрока"),
    ],
)
def test_hidden_characters_go(text: str, right: str) -> None:
    assert by("hidden", text) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("содержан╕я", "содержания"),
        ("╕сторія", "исторія"),
        ("а╕╕╕б", "аиииб"),
        ("╔══╕\n│ x │", "╔══╕\n│ x │"),
        ("слово ╕ слово", "слово ╕ слово"),
    ],
)
def test_a_frame_inside_a_word_is_a_letter(text: str, right: str) -> None:
    assert by("box_letter", text) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Из#за кого#нибудь", "Из-за кого-нибудь"),
        ("дом #5, C# и #хештег", "дом #5, C# и #хештег"),
    ],
)
def test_a_hash_between_letters_is_a_hyphen(text: str, right: str) -> None:
    assert by("hash_hyphen", text) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Аннa и Пьерa", "Анна и Пьера"),
        ("Tишина, Bойна, Kрестьянин", "Тишина, Война, Крестьянин"),
        ("он c нею и y окна, a потом к ней", "он с нею и у окна, а потом к ней"),
        ("я a cнег и мороз", "я а снег и мороз"),
        ("Глава ХIV и ХХII", "Глава XIV и XXII"),
        ("Николай І и ХІІ глава", "Николай I и XII глава"),
        ("CССР и МOCКВА", "СССР и МОСКВА"),
    ],
)
def test_latin_letters_in_russian_words_become_russian(text: str, right: str) -> None:
    assert by("look_alikes", text) == right


@pytest.mark.parametrize(
    "text",
    [
        "Xerox, CO2, Wi-Fi и Fiшка",
        "Глава XIV, Карл XII, том III",
        "il y a des hommes",
        "витамин C и группа A",
        "тасiо",
        "Мой iPhoneом",
    ],
)
def test_other_latin_letters_stay(text: str) -> None:
    assert by("look_alikes", text) == text


def test_latin_i_is_a_letter_of_the_old_spelling_only() -> None:
    assert by("look_alikes", "Онъ видѣлъ мiръ и Россiю, Iюнь и Александръ IIй") == (
        "Онъ видѣлъ міръ и Россію, Іюнь и Александръ IIй"
    )

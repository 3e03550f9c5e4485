"""Letters and spelling: what is put right, and what only looks damaged or old."""

import random
from textwrap import fill

import pytest
from mending import OLD, by, mended

from kamerton.develop.data.clean.spelling import is_old, modernised

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


WORDS = """страннаго странного
всѣхъ всех
движенія движения
движеніями движениями
разсказъ рассказ
безсонница бессонница
русскія русские
онѣ они
ея ее
нея нее
миръ мир
міръ мир
Ѳедоръ Федор
синодъ синод
мѵро миро
хорошаго хорошего
хорошія хорошие
послѣдняго последнего
третьяго третьего
бывшіяся бывшиеся
находящіяся находящиеся
новыя новые
злыя злые
многія многие
другія другие
тихія тихие
чужія чужие
прочія прочие
горячія горячие
прежнія прежние
послѣднія последние
зимнія зимние
дальнія дальние
синія синие
низкій низкий
низшій низший
возки возки
извозчикъ извозчик
образцовый образцовый
образчикъ образчик
безконечный бесконечный
безпокойство беспокойство
обезпечить обеспечить
предразсудокъ предрассудок
безразсудный безрассудный
возстаніе восстание
возпламенить воспламенить
изслѣдовать исследовать
разчетъ расчет
черезчуръ чересчур
предъидущій предыдущий
отъискать отыскать
разъискивать разыскивать
безъимянный безымянный
съѣздъ съезд
подъѣздъ подъезд
объявить объявить
въѣхать въехать
съумѣлъ сумел
двухъэтажный двухэтажный
сверхъестественный сверхъестественный
куцаго куцего
большаго большего
Россійскаго Российского
слѣпаго слепого
итти идти
Іюнь Июнь
Евдокія Евдокия
Словакія Словакия
литургія литургия
монархія монархия
стихія стихия
панагія панагия
оружія оружия
созвучія созвучия
полномочія полномочия
Калифорнія Калифорния
благо благо
Чикаго Чикаго
Сантьяго Сантьяго
выя выя
шея шея
РАЗСКАЗЪ РАССКАЗ
СТРАННАГО СТРАННОГО
ОНѢ ОНИ
Онѣ Они
Безсонница Бессонница
ъ ъ"""
PAIRS = WORDS.split("\n")


@pytest.mark.parametrize("pair", PAIRS)
def test_a_word_is_spelt_as_today(pair: str) -> None:
    old, new = pair.split()
    assert modernised(old) == new
    assert modernised(new) == new or new in ("ее", "нее")


def test_there_are_pairs_enough_and_they_say_something() -> None:
    pairs = [pair.split() for pair in PAIRS]
    assert len(pairs) >= 40 and sum(old != new for old, new in pairs) >= 40


def test_only_a_text_in_the_old_spelling_is_touched() -> None:
    modern = "Новыя русскія слова: ея и онѣ, разсказ. " + "Обычный текст без старых букв. " * 100
    assert not is_old(modern)
    assert by("pre_reform", modern) == modern
    assert is_old(OLD)
    assert by("pre_reform", OLD) == (
        "В начале лета странного человека видели все жители города; он ходил по улицам с "
        "палкою, рассказывал всем удивительные истории и никогда не отвечал на вопросы. "
    )


def test_the_hard_sign_inside_a_word_is_no_mark_of_age() -> None:
    assert not is_old("Съезд, подъезд, объявить, въехать: объём объекта. " * 5)


def test_a_word_parted_at_a_line_s_end_is_joined_before_it_is_spelt() -> None:
    filler = "Никто не сидѣлъ у окна и не глядѣлъ на пустую улицу, гдѣ шелъ мелкій дождь. "
    parted = "Онъ вошелъ въ комнату и увидѣлъ тамъ уже одного очень стран-\nнаго человѣка.\n"
    text = f"{fill(filler * 9, 64)}\n\n{parted}"
    assert "странного человека" in mended(text)


def test_numerals_keep_their_i() -> None:
    text = "Императоръ Николай І и глава ХІІ; всѣ знали о томъ въ городѣ."
    assert mended(text) == "Император Николай I и глава XII; все знали о том в городе."


def test_twice_changes_nothing() -> None:
    rng = random.Random(7)
    bits = [
        "аго",
        "яго",
        "ыя",
        "кія",
        "без",
        "раз",
        "воз",
        "из",
        "ъ",
        "ъи",
        "нія",
        "ся",
        *"абѣіѳжшщ",
    ]
    for _ in range(20_000):
        word = "".join(rng.choice(bits) for _ in range(rng.randint(1, 6)))
        once = modernised(word)
        assert modernised(once) == once, (word, once)

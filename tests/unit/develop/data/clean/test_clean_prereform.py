"""The spelling before 1918: words written here, and words that only look old."""

import random
from textwrap import fill

import pytest
from mending import OLD, by, mended

from kamerton.develop.data.clean.spelling import is_old, modernised

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

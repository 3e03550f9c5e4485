"""Letters and spelling: what is put right, and what only looks damaged or old."""

import random
from textwrap import fill
from unicodedata import normalize

import pytest
from mending import OLD, by, mended

from kamerton.develop.data.clean.spelling import is_old, modernised

LINE = "Привет, мир! Ёжик идёт — «домой», а Юра спит."
READ_AS = {
    "utf-8": ("sloppy-windows-1251", "koi8-r", "latin-1", "sloppy-windows-1252", "cp866"),
    "cp1251": ("koi8-r", "latin-1", "sloppy-windows-1252", "cp866"),
    "koi8-r": ("sloppy-windows-1251", "latin-1", "sloppy-windows-1252", "cp866"),
    "cp866": ("sloppy-windows-1251", "koi8-r", "latin-1"),
}


def misread(text: str, own: str, view: str) -> str:
    import ftfy.bad_codecs  # noqa: F401

    return text.encode(own, "ignore").decode(view)


@pytest.mark.parametrize(("own", "view"), [(o, v) for o, views in READ_AS.items() for v in views])
def test_a_text_read_in_another_charset_comes_back_line_by_line(own: str, view: str) -> None:
    line = LINE.encode(own, "ignore").decode(own)
    heading, damaged = misread("Глава", own, view), misread(line, own, view)
    text = f"Целая строка.\n{heading}\n{damaged}\nЕщё одна, и «ёлка» в ней."
    assert by("encoding", text) == f"Целая строка.\nГлава\n{line}\nЕщё одна, и «ёлка» в ней."


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (misread(misread("Где", "utf-8", "cp1251"), "utf-8", "cp1251"), "Где"),
        (misread("—", "utf-8", "cp1251") + " Yes", "— Yes"),
        (
            f"Он сказал: {misread('привет, друзья', 'utf-8', 'cp1251')}!",
            "Он сказал: привет, друзья!",
        ),
        (f"Цитата: {misread('привет, друзья', 'utf-8', 'koi8-r')}.", "Цитата: привет, друзья."),
        (f"Цитата: {misread('привет, друзья', 'cp1251', 'latin-1')}.", "Цитата: привет, друзья."),
        ("It isnâ€™t a cafÃ©.", "It isn’t a café."),
    ],
)
def test_parts_of_a_line_and_what_was_damaged_twice_come_back(text: str, right: str) -> None:
    assert by("encoding", text) == right


@pytest.mark.parametrize(
    "text",
    [
        "СССР №1 — «Россия»",
        "Ђорђе и Љиља",
        "Сам § 5, Рим ‹и мир›",
        "ТРЁХ, РЁВ, ВСЁ",
        "Он читал «À la recherche du temps perdu» и créée",
        "Ångström, naïve, señor, Übermut",
        "╔══╕\n│ Да│\n╚══╛",
        "ИзМХАТа и вСССР",
        "содержан╕я",
        "x ≥ 5, √2 ≈ 1,41; 20 °C · 3",
        "Київ, Қазақстан, Ѳедоръ",
        "",
    ],
)
def test_whole_text_is_not_decoded(text: str) -> None:
    assert by("encoding", text) == text


@pytest.mark.parametrize("text", ["Ёж йод ещё край", "café naïve", "Її вїжджає", "Ὀδυσσεύς"])
def test_letters_are_joined_with_their_marks(text: str) -> None:
    apart = normalize("NFD", text)
    assert by("composed", apart) == mended(apart) == text
    assert by("composed", "за\u0301мок, x\u0304") == "за\u0301мок, x\u0304"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("сло\u00adво", "слово"),
        ("\ufeffНачало\u200b конец\u0007", "Начало конец"),
        ("пере\u00ad\nнос", "перенос"),
        ("пере\u00ad  \n   нос", "перенос"),
        ("точка.\u00ad\nНовая строка", "точка.\nНовая строка"),
        ("таб\tи\nстрока", "таб\tи\nстрока"),
        ("слева\u200e \u202aсправа\u202c\u2066!\u2069", "слева справа!"),
        ("да\u200dнет \u200c и\u200d", "данет  и"),
        *[
            (text, text)
            for text in (
                "👨\u200d👩\u200d👧 🙂",
                "❤️\u200d🔥",
                "🏳️\u200d🌈",
                "क्\u200dष",
                "می\u200cخواهم",
            )
        ],
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
        ("вышел c утра, a вернулся к ночи", "вышел с утра, а вернулся к ночи"),
        ("говорил o погоде и шёл k реке", "говорил о погоде и шёл к реке"),
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
        "при k равном 5 и a больше нуля выполняется x и y",
        "при k равном нулю",
        "точки a и c лежат на прямой",
        "прямая a параллельна прямой c не всегда",
        "число k делится на a без остатка",
        "функция y от x возрастает",
        "если a меньше c или равно ему",
        "для любого k найдётся такое число",
        "стороны a, c и угол между ними",
        "пусть c стремится к нулю",
        "сумма a и k больше двух",
        "вектор a и вектор c перпендикулярны",
        "нажмите клавишу c или клавишу y",
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

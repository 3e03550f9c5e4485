"""Lines and marks: wrapped text, page marks, spaces, dashes, quotes; and what stays as it is."""

import random
from textwrap import fill

import pytest
from mending import by

from kamerton.develop.data.clean.layout import wrap_width

WORDS = """старый мастер долго смотрел на реку и думал о том как быстро проходит лето в этих местах
когда вода становится тёмной а по утрам над лугами стоит густой туман и слышно как далеко за лесом
идёт поезд который везёт кого-то домой после долгой разлуки с родными полями"""


def paragraph(rng: random.Random, sentences: int) -> str:
    """Sentences of words in no order, each with a capital and a full stop."""
    words = WORDS.split()
    found = (" ".join(rng.choices(words, k=rng.randint(6, 14))) for _ in range(sentences))
    return " ".join(f"{sentence.capitalize()}." for sentence in found)


@pytest.mark.parametrize("width", [60, 72, 80])
@pytest.mark.parametrize("indent", ["", "    "])
def test_wrapped_paragraphs_come_back(width: int, indent: str) -> None:
    rng = random.Random(width)
    paragraphs = [paragraph(rng, rng.randint(3, 9)) for _ in range(40)]
    between = "\n" if indent else "\n\n"
    lines = [fill(of, width, initial_indent=indent, break_on_hyphens=False) for of in paragraphs]
    text = by("unwrap", between.join(lines))
    assert [line.strip() for line in text.split("\n") if line.strip()] == paragraphs
    assert by("unwrap", text) == text


def test_a_word_parted_by_a_hyphen_is_joined_and_a_compound_keeps_its_own() -> None:
    rng = random.Random(1)
    body = fill(paragraph(rng, 30), 70, break_on_hyphens=False)
    parted = [
        (
            "и тут он вспомнил всё, что было с ним в это долгое ле-\nто у реки",
            "в это долгое лето у",
        ),
        (
            "и тут он наконец понял, что об этом ему уже тогда говорил кто-\nто у реки",
            "говорил кто-то у",
        ),
        (
            "и тут он наконец понял, что об этом говорил ему ещё когда-\nнибудь отец",
            "ему ещё когда-нибудь отец",
        ),
        (
            "и тут вышла навстречу к нему она, как всегда вовремя, прямо из-\nза угла дома",
            "прямо из-за угла",
        ),
        (
            "и тут все они заговорили тогда вдруг разом и почему-то по-\nрусски и громко",
            "почему-то по-русски",
        ),
        (
            "и тут он пошёл дальше по лугам один, так как это ведь его по-\nходка и есть",
            "это ведь его походка",
        ),
    ]
    for lines, right in parted:
        assert right in by("unwrap", f"{body}\n\n{lines}\n\n{body}"), lines


@pytest.mark.parametrize(
    "text",
    [
        "Тихо падает снег на крыши,\nСпит у печки усталый кот;\n" * 12,
        "Первый пункт списка, который занимает почти всю ширину строки;\n" * 20,
        "\n".join(
            f"{n}. Пункт, который занимает почти всю ширину строки целиком;" for n in range(20)
        ),
        "— Вы думаете, что он придёт сегодня вечером, как обещал вчера?\n" * 20,
        "Каждый абзац этого текста состоит из одного предложения, не более.\n" * 30,
        "Слишком мало строк,\nчтобы судить о ширине,\nвот и всё",
    ],
)
def test_verse_lists_speeches_and_short_texts_are_not_wrapped(text: str) -> None:
    assert wrap_width(text) == 0
    assert by("unwrap", text) == text


def test_speeches_of_a_wrapped_text_stay_apart_where_they_begin_at_the_margin() -> None:
    rng = random.Random(3)
    body = fill(paragraph(rng, 40), 70)
    talk = (
        "- Вы думаете, что он всё-таки придёт сегодня вечером, как обещал вам?\n"
        "- Думаю, что придёт, если не помешают дела, которых у него теперь много.\n"
        "- Тогда подождём его здесь, в саду, под старой липой, - сказала Анна.\n"
    )
    text = by("unwrap", f"{body}\n\n{talk * 4}\n{body}")
    assert sum(line.startswith("- ") for line in text.split("\n")) == 12


def test_a_dash_at_the_margin_goes_on_where_speeches_are_indented() -> None:
    rng = random.Random(3)
    body = "\n".join(fill(paragraph(rng, 6), 70, initial_indent="    ") for _ in range(12))
    talk = "    - Вы думаете, что он всё-таки придёт сюда, - сказала она тихо ему.\n- И пусть.\n"
    text = by("unwrap", f"{body}\n{talk * 5}{body}")
    assert text.count("тихо ему. - И пусть.") == 5


def test_a_ruler_is_no_part_of_a_paragraph() -> None:
    body = fill(paragraph(random.Random(5), 40), 70)
    text = by("unwrap", f"{body}\n{'-' * 30}\n{body}")
    assert f"\n{'-' * 30}\n" in text


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("слово {457} слово", "слово слово"),
        ("конец.[12] Начало", "конец. Начало"),
        ("он вошёл\n{12}\nв дом", "он вошёл\nв дом"),
        ("он вошёл\n   {12} в дом", "он вошёл\n   в дом"),
        ("слово [3]\nслово", "слово\nслово"),
        ("[1812] и {12345}", "[1812] и {12345}"),
        ("a[i], {x}, [12-14], [1, 2]", "a[i], {x}, [12-14], [1, 2]"),
        ("[1[2]]", "[1[2]]"),
    ],
)
def test_page_marks_go(text: str, right: str) -> None:
    assert by("page_marks", text) == right


def test_a_page_number_does_not_part_a_wrapped_paragraph() -> None:
    lines = fill(paragraph(random.Random(5), 40), 70).split("\n")
    marked = "\n".join([*lines[:10], "  {458}", *lines[10:20], *lines[20:]])
    assert by("unwrap", by("page_marks", marked)) == " ".join(lines)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("  два   слова  \n\tтри\u00a0слова\u2009", "два слова\nтри слова"),
        ("10\u202f000 рублей", "10 000 рублей"),
        ("\n\n", "\n\n"),
    ],
)
def test_spaces(text: str, right: str) -> None:
    assert by("spaces", text) == right


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\u2028", "\x0c", "\x0b"])
def test_line_ends(end: str) -> None:
    assert by("line_ends", f"один{end}два") == "один\nдва"


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

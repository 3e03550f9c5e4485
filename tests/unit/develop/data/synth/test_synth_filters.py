"""Each filter catches a planted fault, and leaves alone what only looks like it."""

import random
from typing import Any

import pytest

from kamerton.develop.data.dedup.near import near_runs
from kamerton.develop.data.synth import filters
from kamerton.develop.data.synth.filters import AMONG, OWN, Context, Example, judge
from kamerton.develop.settings.synth import SynthSettings
from kamerton.formats.brief import Brief

LENGTHS = dict.fromkeys(("site", "email", "social", "billboard"), (10, 400)) | {"social": (40, 60)}


def limits(language: str = "ru", near: float = 0.5, semantic: float = 0.9) -> SynthSettings:
    given = {"language": language, "near": near, "semantic": semantic, "lengths": LENGTHS}
    return SynthSettings.model_validate({"model": "m", "products": "p.yaml"} | given)


LIMITS = limits()
BRIEF = Brief(
    beginning="Добрый день!",
    task="собрать заявки",
    product="циркуляционный насос «Иволга»",
    facts=("подача до 40 м³/ч", "насос с чугунным корпусом не боится ржавчины десять зим"),
    audience="инженеры",
    channel="site",
    tone="деловой",
    about="Гонит горячую воду по трубам отопления до самых дальних батарей всего большого дома.",
)
GOOD = "Добрый день! Вода пойдёт быстрее: 40 кубометров в час."


def example(text: str = GOOD, id_: str = "a", finish: str = "stop", **changes: object) -> Example:
    return Example(id_, BRIEF.model_copy(update=changes), text, finish)


def reason(text: str = GOOD, finish: str = "stop", own: str = "ru", **changes: Any) -> str:
    context = Context(limits(own))
    return filters.first_reason(OWN, example(text, "a", finish, **changes), context)


def test_a_good_text_passes() -> None:
    assert reason() == ""


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_is_caught(text: str) -> None:
    assert reason(text, beginning="") == "empty"


def test_a_text_cut_by_the_limit_of_tokens_is_caught() -> None:
    assert reason(finish="length") == "cut"
    assert reason(finish="eos") == reason(finish="") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Добрый день. Вода пойдёт быстрее: 40 кубометров.", "beginning"),
        ("Вода пойдёт быстрее: 40 кубометров. Добрый день!", "beginning"),
        ("Добрый день!\nВода пойдёт быстрее: 40 кубометров.", ""),
    ],
)
def test_a_text_begins_to_the_letter_as_the_brief_says(text: str, expected: str) -> None:
    assert reason(text) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("Ваш [имя].", "gap"),
        ("Ваш {имя}.", "gap"),
        ("<think>Надо подумать</think>", "gap"),
        ("Звоните: ____", "gap"),
        ("Шум меньше (< 40 дБ).", ""),
        ("Снова_и снова.", ""),
    ],
)
def test_a_gap_to_fill_in_is_caught(end: str, expected: str) -> None:
    assert reason(f"{GOOD} {end}") == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Добрый день! This pump moves 40 cubic metres of water in an hour.", "ru", "language"),
        ("Добрый день! Насос Iwolga с датчиком IP40 гонит 40 кубометров воды за час.", "ru", ""),
        ("Добрый день! 40 — 40 — 40, и воды по всему дому хватит.", "ru", ""),
        (GOOD, "en", "language"),
        ("The pump moves 40 m³ in an hour, says Иволга.", "en", ""),
    ],
)
def test_another_language_is_caught_and_a_name_is_not(
    text: str, language: str, expected: str
) -> None:
    begun = BRIEF.beginning if text.startswith(BRIEF.beginning) else ""
    assert reason(text, own=language, beginning=begun) == expected


@pytest.mark.parametrize(
    ("size", "channel", "expected"),
    [
        (39, "social", "short"),
        (40, "social", ""),
        (60, "social", ""),
        (61, "social", "long"),
        (61, "email", ""),
    ],
)
def test_the_length_goes_by_the_channel(size: int, channel: str, expected: str) -> None:
    text = f"{'Подача 40 кубов'.ljust(size - 1, 'а')}."
    assert len(text) == size
    assert reason(text, channel=channel, beginning="") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Добрый день! Циркуляционный насос «Иволга» ждёт вас.", "no_fact"),
        ("Добрый день! Циркуляционный насос «Иволга»: 41 причина.", "no_fact"),
        ("Добрый день! Чугунные корпуса живут долго.", ""),
        ("Добрый день! Воды будет 40 кубометров.", ""),
    ],
)
def test_something_of_the_facts_must_be_told_the_name_is_not_enough(
    text: str, expected: str
) -> None:
    assert reason(text) == expected


def test_a_fact_in_the_given_beginning_does_not_count() -> None:
    begun = "Подача 40 кубов в час."
    assert reason(f"{begun} Приходите к нам завтра утром.", beginning=begun) == "no_fact"


def test_twelve_words_of_the_brief_in_a_row_are_copied() -> None:
    run = "горячую воду по трубам отопления до самых дальних батарей всего большого дома"
    words = run.split()
    assert len(words) == 12 and run in BRIEF.about
    assert reason(f"{GOOD} Она несёт {run}.") == "copied"
    assert reason(f"{GOOD} Она несёт {' '.join(words[:11])} целиком.") == ""
    assert reason(f"{GOOD} {' '.join(BRIEF.facts)}.") == "copied"
    assert reason(f"{GOOD} {BRIEF.facts[1]}.") == ""


@pytest.mark.parametrize(
    ("end", "expected"),
    [("Гарантия 15 лет.", "invented"), ("Гарантия пятнадцать лет.", ""), ("Да, 40!", "")],
)
def test_a_figure_that_the_brief_does_not_have_is_caught(end: str, expected: str) -> None:
    assert reason(f"{GOOD} {end}") == expected


def test_a_long_beginning_is_not_copied() -> None:
    begun = BRIEF.about
    assert reason(f"{begun} Подача — 40 кубометров.", beginning=begun) == ""


def texts(*given: str) -> list[Example]:
    return [example(text, f"id{i}", beginning="") for i, text in enumerate(given)]


FIRST = "Подача до 40 кубометров в час хватает большому дому, и чугунный корпус прослужит долго."
ALIKE = "Подача до 40 кубометров в час хватает большому дому, и чугунный корпус прослужит годы."
OTHER = "За прочный чугун не придётся платить дважды: краска защищает его от воды много лет."
SAME_MEANING = "Большому дому хватает подачи до 40 кубометров в час, корпус из чугуна долго служит."


def test_a_near_duplicate_goes_and_the_first_id_stays(far_apart: None) -> None:
    assert judge(texts(FIRST, ALIKE, OTHER), LIMITS) == {"id0": "", "id1": "near", "id2": ""}
    assert near_runs(FIRST) != near_runs(ALIKE)


def test_the_share_of_common_runs_is_measured_and_the_line_belongs_to_it(far_apart: None) -> None:
    """Two texts of 8 runs each with 5 in common are alike by 5 of 11; with 6 by 6 of 10."""
    one = "корпус а б в г д е ж з и"
    five, six = "корпус а б в г д е я ю э", "корпус а б в г д е ж ю э"
    line = limits(near=0.6, semantic=1.0)
    assert judge(texts(one, five), line)["id1"] == ""
    assert judge(texts(one, six), line)["id1"] == "near"


def test_the_same_meaning_in_other_words_goes() -> None:
    found = judge(texts(FIRST, SAME_MEANING, OTHER), limits(semantic=0.85))
    assert found == {"id0": "", "id1": "semantic", "id2": ""}
    strict = limits(semantic=1.0)
    assert set(judge(texts(FIRST, SAME_MEANING, OTHER), strict).values()) == {""}


def test_a_rejected_text_takes_no_other_with_it(far_apart: None) -> None:
    cut, whole = texts(FIRST, ALIKE)
    found = judge([Example(cut.id, cut.brief, cut.text, "length"), whole], LIMITS)
    assert found == {"id0": "cut", "id1": ""}


def test_one_text_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "encode", lambda texts: pytest.fail("encoded"))
    assert judge(texts(FIRST), LIMITS) == {"id0": ""}
    assert judge([], LIMITS) == {}


def test_the_order_of_arrival_does_not_matter(far_apart: None) -> None:
    many = texts(FIRST, ALIKE, OTHER, ALIKE + " Да.", OTHER + " Нет.", FIRST)
    expected = judge(many, LIMITS)
    assert sorted(expected.values()) == ["", "", "near", "near", "near", "near"]
    for seed in range(5):
        shuffled = random.Random(seed).sample(many, len(many))
        assert judge(shuffled, LIMITS) == expected


def test_every_filter_is_tested_here() -> None:
    assert set(OWN) | set(AMONG) == {
        "schema", "language", "length", "source", "near", "semantic"
    }  # fmt: skip

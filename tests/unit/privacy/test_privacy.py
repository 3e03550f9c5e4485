"""Personal data: planted items found, changed digits missed, ordinary prose left alone."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kamerton.formats.errors import InputError
from kamerton.privacy import personal as privacy
from kamerton.privacy.personal import Found, counts, find, masked

KINDS = ("email", "phone", "inn", "snils", "passport", "card")
DATA = os.environ.get("KAMERTON_TEST_DATA", str(Path(__file__).parents[4] / "shared" / "data"))
NOVELS = Path(DATA) / "ru_novels"


def inn(base: str) -> str:
    """The 9 or 10 digits with their check digits, by the rule as it is written in words."""
    tables = {9: [[2, 4, 10, 3, 5, 9, 4, 6, 8]]}
    tables[10] = [[7, 2, 4, 10, 3, 5, 9, 4, 6, 8], [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]]
    for weights in tables[len(base)]:
        base += str(sum(int(d) * w for d, w in zip(base, weights, strict=True)) % 11 % 10)
    return base


def snils(base: str, form: str = "{}-{}-{} {}") -> str:
    total = sum(int(digit) * (9 - place) for place, digit in enumerate(base))
    while total > 101:
        total %= 101
    check = "00" if total in (100, 101) else f"{total:02}"
    return form.format(base[:3], base[3:6], base[6:], check)


def card(base: str, groups: tuple[int, ...] = (), gap: str = " ") -> str:
    """The digits with Luhn's last one; in groups where these are given."""
    total = 0
    for place, digit in enumerate(reversed(base)):
        twice = int(digit) * (2 if place % 2 == 0 else 1)
        total += twice - 9 if twice > 9 else twice
    whole, parts = base + str(-total % 10), []
    for size in groups:
        parts, whole = [*parts, whole[:size]], whole[size:]
    return gap.join([*parts, whole]) if groups else whole


def changed(number: str) -> str:
    """The number with its last digit one higher: no check sum here survives that."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


EMAILS = [
    "ivan.petrov@example.ru",
    "a_b+tag@mail.example.co.uk",
    "INFO@EXAMPLE.COM",
    "почта@пример.рф",
    "x@xn--e1afmkfd.xn--p1ai",
    "o'neil-2@example.org",
]
PHONES = re.split(
    r" \| |\n",
    """+7 (916) 123-45-67 | +79161234567 | 8 (495) 123-45-67 | 8-800-555-35-35 | 8 916 123 45 67
89161234567 | 8(916)1234567 | 8 (4712) 12-34-56 | 8 (47123) 1-23-45 | +7 916 123-45-67
+7\u00a0(812)\u00a0123\u201145\u201167 | 7 (903) 123-45-67 | (495) 123-45-67
+1 (415) 555-2671 | +1-212-555-0187 | +44 20 7946 0958 | +49 (0)30 123456
+380 44 123 45 67 | +48 601 234 567 | +972-3-123-4567""",
)
INNS = [inn("770708389"), inn("123456789"), inn("503008765")]
LONG_INNS = [inn("5001007322"), inn("7743013901"), inn("1234567890")]
SNILS = [snils(base) for base in ("112233445", "087654303", "160722398", "555444333")]
CARDS = [
    card("411111111111111"),
    card("411111111111111", (4, 4, 4)),
    card("220012345678901", (4, 4, 4), "-"),
    card("555555555555444", (4, 4, 4)),
    card("37828224631000", (4, 6)),
    card("37828224631000"),
    card("622202020012345678", (4, 4, 4, 4)),
    card("3056930902590", (4, 6)),
    card("639002000000000", (4, 4, 4)),
]
PASSPORTS = [
    "паспорт {45 09 123456}",
    "Паспорт серии {4509 № 123456} выдан",
    "серия {45 09, номер 123456}",
    "паспорт гражданина РФ: {4509 123456}",
    "passport {45 09 No. 123456}",
    "ПАСПОРТ {4509123456}",
]
SPACED = snils("112233445", "{} {} {} {}")
PLANTED = [
    *[("email", f"Пишите на {{{one}}}, отвечу.") for one in EMAILS if "'" not in one],
    ("email", "Пишите: o'{neil-2@example.org}"),
    *[("phone", f"Тел.: {{{one}}}, звоните.") for one in PHONES],
    *[("inn", f"ИНН {{{one}}}, г. Москва") for one in INNS],
    ("inn", f"ИНН/КПП {{{INNS[0]}}}/773601001"),
    ("inn", f"INN: {{{INNS[1]}}}"),
    ("inn", f"ИНН{' ' * 20}{{{INNS[0]}}}"),
    *[("inn", f"Предприниматель {{{one}}}.") for one in LONG_INNS],
    *[("snils", f"Номер {{{one}}}.") for one in SNILS],
    ("snils", f"СНИЛС {{{SPACED}}}"),
    ("snils", f"снилс: {{{SPACED.replace(' ', '')}}};"),
    ("snils", f"страховой номер лицевого счёта {{{SPACED}}}"),
    *[("passport", one) for one in PASSPORTS],
    *[("card", f"Карта {{{one}}} действует.") for one in CARDS],
]
MISSED = [
    *[f"ИНН {changed(one)}" for one in (*INNS, *LONG_INNS)],
    *[f"Число {one} без слова" for one in INNS],
    *[f"СНИЛС {changed(one)}" for one in SNILS],
    f"Заказ {SPACED}",
    f"СНИЛС {snils('001001998')}",
    f"ИНН{' ' * 21}{INNS[0]}",
    "ИНН 0000000000",
    "Выручка +48 601 234 567 руб.",
    f"Годы {card('200120022003200', (4, 4, 4))}",
    f"Столбцы {card('411111111111111', (4, 4, 4)).replace(' ', '-', 1)}",
    *[f"Карта {changed(one)}" for one in CARDS],
    card("911111111111111"),
    card("460123456789"),
    "Партия 4509 123456",
    "Паспорт выдан сорок дней тому назад, а на ящике стоит 4509 123456",
    "ivan@example, @example.ru, logo@2x.png, a..b@example.ru",
    f"Счёт {card('411111111111111')}1234",
    f"x{LONG_INNS[0]}y и {LONG_INNS[0]}.5",
]
PROSE = """Глава 8. 1812 год. В 1805, 1806 и 1807 годах, 16 апреля 1928 г., в 12:30:45, он вернулся.
Война шла с 1914-1918, с 1941–1945 и 1 8 1 2. Родился 28.08.1828, умер 07(20).11.1910; 2026-11-21.
Цена 8 500 000 рублей, +10 000 000 руб., 12 345 678,90 р., $4 111 111, 1 234 567 890 123 франков.
ISBN 5-17-041408-0, 978-5-9713-4351-3, ISBN-13: 978 5 17 041408 0, ISSN 1234-5679, УДК 821.161.1-31.
Стр. 123-145, том 8, с. 916, 123, 45, 67. Из 400000 человек 140000 говорили. Версия 8.916.12.34.
Счёт 40702810900000012345, ОГРН 1027700132195, штрихкод 4601234567893, № 8916-12, 8-916-123.
Постоянные -7.9441335871, 8.478 353 6255, +55.755826, +37.617300; +25 градусов.
Ещё +100500 очков; 2+79161234567; 1/89161234567.
2001 2002 2003 2004 2005; 1999 2000 2001 2002; 8 1917 10 25 1 2; 89 161 234 567 жителей.
Снимок 201710290100, отсчёты 86400000000 и +2147483647, в коде 118331180206*x, q@k.transpose(1)."""


@pytest.mark.parametrize(("kind", "planted"), PLANTED, ids=lambda value: str(value)[:40])
def test_a_planted_item_is_found_where_it_lies(kind: str, planted: str) -> None:
    start, end = planted.index("{"), planted.index("}") - 1
    text = re.sub("[{}]", "", planted)
    assert [(one.kind, one.start, one.end) for one in find(text, KINDS)] == [(kind, start, end)]


@pytest.mark.parametrize("text", MISSED)
def test_wrong_digits_and_missing_words_are_no_finding(text: str) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in find(text, KINDS)] == []


def test_the_table_of_found_missed_and_false_alarms() -> None:
    """One text of everything: neighbours neither help nor hide each other."""
    table = {kind: {"found": 0, "missed": 0, "false": 0} for kind in KINDS}
    for kind, planted in PLANTED:
        text = re.sub("[{}]", "", planted)
        start, end = planted.index("{"), planted.index("}") - 1
        table[kind]["found" if Found(kind, start, end) in find(text, KINDS) else "missed"] += 1
    # Far apart, so that a word before one number is not near the next.
    whole = f"\n{'…' * 60}\n".join(
        [*(re.sub("[{}]", "", one) for _, one in PLANTED), *MISSED, PROSE]
    )
    for kind, number in counts(find(whole, KINDS)).items():
        table[kind]["false"] = number - table[kind]["found"]
    assert len(PLANTED) + len(MISSED) >= 60
    planted_numbers = {"email": 6, "phone": 20, "inn": 9, "snils": 7, "passport": 6, "card": 9}
    assert table == {
        kind: {"found": number, "missed": 0, "false": 0} for kind, number in planted_numbers.items()
    }


def test_ordinary_prose_has_none() -> None:
    assert [(one.kind, PROSE[one.start : one.end]) for one in find(PROSE, KINDS)] == []


def test_only_the_kinds_asked_for_are_looked_for() -> None:
    text = f"{EMAILS[0]} {PHONES[0]}"
    assert [one.kind for one in find(text, ["phone"])] == ["phone"]
    assert find(text, []) == []


def test_the_longest_wins_then_the_earliest(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = {"email": [(4, 8), (20, 24)], "phone": [(6, 12)], "card": [(22, 26), (8, 9)]}
    finders = {kind: lambda _, found=found: iter(found) for kind, found in spans.items()}
    monkeypatch.setattr(privacy, "FINDERS", finders)
    found = find("x" * 30, list(spans))  # type: ignore[arg-type]
    assert found == [Found("phone", 6, 12), Found("email", 20, 24)]


def test_a_masked_text_names_the_kinds_and_has_nothing_left() -> None:
    text = f"Я, ИНН {INNS[0]}, тел. {PHONES[0]}; {EMAILS[0]}"
    found = find(text, KINDS)
    assert masked(text, found) == "Я, ИНН <INN>, тел. <PHONE>; <EMAIL>"
    assert counts(found) == {"inn": 1, "phone": 1, "email": 1}
    assert find(masked(text, found), KINDS) == []
    assert masked(text, []) == text


def test_check_digits_agree_with_the_rules_in_words() -> None:
    for number in range(10_000_000, 10_000_500):
        assert privacy.inn_holds(inn(f"7{number}"))
        assert privacy.inn_holds(inn(f"77{number}"))
        assert privacy.snils_holds(snils(f"7{number}", "{}{}{}{}"))
        assert privacy.luhn_holds(card(f"4{number}"))
    right = sum(privacy.inn_holds(f"{number}") for number in range(7707083000, 7707084000))
    assert right == 100, "one of the ten last digits is right"


@pytest.fixture
def fresh() -> Iterator[None]:
    privacy._name_model.cache_clear()
    yield
    privacy._name_model.cache_clear()


@pytest.mark.parametrize("installed", ["nothing", "no model"])
def test_names_without_their_extra_say_how_to_install_it(
    fresh: None, monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    _stand_in(monkeypatch, installed)
    if installed == "nothing":
        monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(InputError) as caught:
        find("Пьер Безухов", ["name"])
    assert caught.value.key == "privacy.names_missing"
    assert "pip install presidio-analyzer https://" in str(caught.value)
    assert find("Пьер Безухов", KINDS) == []


def test_names_are_found_in_every_piece_of_a_long_text(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = _stand_in(monkeypatch, installed="ru_core_news_sm")
    text = ("Пьер ушёл.\n" * 9_000) + "и Пьер"
    found = find(text, ["name"])
    assert len(found) == 9_001
    assert {text[one.start : one.end] for one in found} == {"Пьер"}
    assert 1_000 < max(longest) <= 50_001
    assert masked("и Пьер", find("и Пьер", ["name"])) == "и <NAME>"


def _stand_in(monkeypatch: pytest.MonkeyPatch, installed: str) -> list[int]:
    """An analyser that knows one name; returns the lengths of the texts that it was given."""
    lengths: list[int] = []

    def analyze(text: str, language: str, entities: list[str]) -> list[SimpleNamespace]:
        assert (language, entities) == ("ru", ["PERSON"])
        lengths.append(len(text))
        return [SimpleNamespace(start=m.start(), end=m.end()) for m in re.finditer("Пьер", text)]

    def provider(nlp_configuration: dict[str, object]) -> SimpleNamespace:
        assert nlp_configuration["models"] == [{"lang_code": "ru", "model_name": installed}]
        return SimpleNamespace(create_engine=lambda: "engine")

    def analyser(nlp_engine: str, supported_languages: list[str]) -> SimpleNamespace:
        assert (nlp_engine, supported_languages) == ("engine", ["ru"])
        return SimpleNamespace(analyze=analyze)

    modules = {
        "presidio_analyzer": SimpleNamespace(AnalyzerEngine=analyser),
        "presidio_analyzer.nlp_engine": SimpleNamespace(NlpEngineProvider=provider),
        "spacy.util": SimpleNamespace(is_package=lambda name: name == installed),
        "spacy": SimpleNamespace(),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return lengths


@pytest.mark.skipif(not NOVELS.is_dir(), reason="no ../shared/data/ru_novels here")
@pytest.mark.parametrize(
    "novel", ["Tolstoi_VoynaIMir3.txt", "Chekhov_Dyadya.txt", "Bulgakov_RokovyeYaytsa.txt"]
)
def test_novels_have_next_to_none(novel: str) -> None:
    text = (NOVELS / novel).read_text("utf-8")
    found = find(text, KINDS)
    assert len(found) <= 1, [(one.kind, text[one.start : one.end]) for one in found]

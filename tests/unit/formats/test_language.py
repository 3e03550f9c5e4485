"""Both languages say everything, with the same values, and nothing is said that no text has."""

import json
import re
import string
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.language import Language, catalogue, current, foreign, label, say
from kamerton.formats.recipe import parse_yaml

SOURCE = Path(__file__).parents[3] / "src" / "kamerton"
PACKAGES = sorted(p.parent.parent.name for p in SOURCE.glob("*/locales/en.yaml"))
KEY = re.compile(r"""(?:say|InputError)\(\s*"([a-z]+\.[a-z_0-9]+)\"""")
OF_REPORT = re.compile(r"""\btext\(\s*"([a-z_0-9]+)\"""")
"""A key as `experiment.report.figures.text` takes it, without the package's name."""


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("package", PACKAGES)
def test_neither_language_lacks_a_key_or_a_value(package: str) -> None:
    english, russian = catalogue(package, "en"), catalogue(package, "ru")
    assert english.keys() == russian.keys()
    different = [k for k in english if fields(english[k]) != fields(russian[k])]
    assert different == []
    words = {k: re.findall("[a-z]{4,}", re.sub(r"{.*?}", "", text)) for k, text in english.items()}
    untranslated = [k for k in english if english[k] == russian[k] and len(words[k]) > 2]
    assert untranslated == []


@pytest.mark.parametrize("file", sorted(SOURCE.glob("*/locales/*.yaml")), ids=lambda f: f.stem)
def test_no_key_is_said_twice(file: Path) -> None:
    keys = [
        line.split(":")[0] for line in file.read_text("utf-8").splitlines() if line[:1].isalpha()
    ]
    assert sorted(keys) == sorted(set(keys))


def test_every_key_in_the_source_has_a_text() -> None:
    used = {key for file in SOURCE.rglob("*.py") for key in KEY.findall(file.read_text("utf-8"))}
    for file in (SOURCE / "experiment").rglob("*.py"):
        used |= {f"experiment.{key}" for key in OF_REPORT.findall(file.read_text("utf-8"))}
    there = {f"{package}.{key}" for package in PACKAGES for key in catalogue(package, "en")}
    assert used - there == set()
    assert len(used) > 50


@pytest.mark.parametrize(
    ("value", "expected"), [("ru", "ru"), ("ru_RU.UTF-8", "ru"), ("en", "en"), ("de_DE", "en")]
)
def test_the_language_in_force(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    monkeypatch.setenv("KAMERTON_LANG", value)
    assert current() == expected


PLURAL = re.compile(r"{\w+:([^{}]*\|[^{}]*)}")


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize(("language", "forms"), [("en", {2}), ("ru", {3, 4})])
def test_plurals_have_the_forms_of_their_language(
    package: str, language: Language, forms: set[int]
) -> None:
    texts = catalogue(package, language).values()
    counted = [spec for text in texts for spec in PLURAL.findall(text)]
    assert [spec for spec in counted if len(spec.split("|")) not in forms] == []


@pytest.mark.parametrize(
    ("minutes", "english", "russian"),
    [
        (0, "minutes", "минут"),
        (1, "minute", "минута"),
        (2, "minutes", "минуты"),
        (4, "minutes", "минуты"),
        (5, "minutes", "минут"),
        (11, "minutes", "минут"),
        (12, "minutes", "минут"),
        (21, "minutes", "минута"),
        (24, "minutes", "минуты"),
        (111, "minutes", "минут"),
        ("1.5", "minutes", "минуты"),
        ("1.0", "minutes", "минуты"),
    ],
)
def test_a_number_agrees_with_its_word(minutes: object, english: str, russian: str) -> None:
    values = {"minutes": minutes, "assumed": 3}
    told = say("experiment.judge_plan_assumed", "en", **values)
    assert f"about {minutes} {english} " in told
    assert f"примерно {minutes} {russian}," in say("experiment.judge_plan_assumed", "ru", **values)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ("+1", "процентный пункт"),
        ("+21", "процентный пункт"),
        ("\u22123", "процентных пункта"),
        ("0", "процентных пунктов"),
        ("+12", "процентных пунктов"),
        ("+2.5", "процентного пункта"),
    ],
)
def test_signed_and_broken_numbers_agree_too(points: str, words: str) -> None:
    values = dict.fromkeys(("arm", "against", "criterion", "held_out", "low", "high"), "x")
    assert f": {points} {words} (95" in say("experiment.harm", "ru", effect=points, **values)


def test_names_that_a_recipe_chose_stay() -> None:
    assert label("experiment", "hypothesis", "my_own") == "my own"
    assert label("experiment", "hypothesis", "tuning") == "tuning"


class Nested(BaseModel):
    """A field that must be there."""

    kind: Literal["x"]


class Everything(BaseModel):
    """Fields that fail in every way in which a setting or a row can."""

    whole: int = Field(0, ge=0, le=9)
    less: int = Field(0, gt=-9, lt=9)
    number: float = 0.0
    text: str = Field("abc", min_length=2, max_length=5, pattern="^a")
    one: Literal["a", "b", "c"] = "a"
    true: bool = True
    several: list[int] = Field([1], min_length=1, max_length=2)
    names: dict[str, int] = {}
    either: int | None = None
    nested: Nested | None = None
    model_config = {"extra": "forbid"}


REFUSED: list[tuple[object, str]] = [
    ({"whole": "x"}, "целое"),
    ({"whole": 1.5}, "целое"),
    ({"whole": [1]}, "целое"),
    ({"whole": -1}, "не меньше 0"),
    ({"whole": 10}, "не больше 9"),
    ({"less": -9}, "больше -9"),
    ({"less": 9}, "меньше 9"),
    ({"number": "x"}, "число"),
    ({"number": {}}, "число"),
    ({"text": 5}, "текст"),
    ({"text": "a"}, "не меньше 2"),
    ({"text": "aaaaaa"}, "не больше 5"),
    ({"text": "bbb"}, "образец '^a'"),
    ({"one": "z"}, "'a', 'b' или 'c'"),
    ({"true": "maybe"}, "true или false"),
    ({"true": []}, "true или false"),
    ({"several": 3}, "список"),
    ({"several": []}, "не меньше 1, а их 0"),
    ({"several": [1, 2, 3]}, "не больше 2, а их 3"),
    ({"names": 3}, "ключи"),
    ({"names": {"a": "b"}}, "целое"),
    ({"nested": {}}, "обязательно"),
    ({"nested": 3}, "ключи"),
    ({"more": 1}, "такого поля нет"),
    (3, "ключи"),
]
BROKEN_JSON = [
    *("", "{", "[", "[1", "[1,]", '{"a"', '{"a":', '{"a": 1', '{"a": 1,}', "{1: 2}", "[1 2]"),
    *('"a', '"\\x"', '"\\u12"', "[1]]", "nul", "01", "1e", '"\t"', "{'a': 1}", "[1, 2", "\u00e9"),
    *('{"a" 1}', '"\\ud800"', "tru", "- 1", "[" * 300),
]
BROKEN_YAML = [
    *("a: b: c", "a: [1, 2", "a: {b: 1", "a: 'b", 'a: "b', "a:\n\tb: 1", "a: @x", "a: `x`"),
    *(
        "a: *x",
        "- a\nb: 1",
        "a: 1\n  b: 2",
        "a: &",
        "a: !x 1",
        '"a\\q": 1',
        "a: b\n- c",
        "? a\n- b",
    ),
    *("a: %x", "{a: 1}}", "--- a\n--- b\n", "a: |x\n b", "a\nb: 1", "a: [1 2: 3, {]", "a: \x01"),
]


def said_in_russian(text: str) -> bool:
    """No Latin words but those in quotes, which are the user's or the format's own."""
    bare = re.sub(r"'[^']*'|`[^`]*`|\^a|true или false|JSON|YAML", "", text)
    return not re.search("[A-Za-z]{2,}", bare)


@pytest.mark.parametrize(("given", "part"), REFUSED)
def test_pydantic_speaks_russian(given: object, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate(given)
    told = foreign(refused.value.errors()[0]["msg"])
    assert part in told and said_in_russian(told)


@pytest.mark.parametrize("text", BROKEN_JSON)
def test_json_is_refused_in_russian(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate_json(text)
    assert said_in_russian(foreign(refused.value.errors()[0]["msg"]))
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        assert said_in_russian(foreign(error.msg)) and said_in_russian(foreign(str(error)))
    except RecursionError:
        pass


@pytest.mark.parametrize("text", BROKEN_YAML)
def test_yaml_is_refused_in_russian(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    with pytest.raises(InputError) as refused:
        parse_yaml(text, "r")
    assert said_in_russian(str(refused.value)), str(refused.value)


def test_in_english_libraries_keep_their_words() -> None:
    assert foreign("Input should be a valid list") == "Input should be a valid list"


def test_texts_are_filled_in() -> None:
    assert say("formats.not_utf8", "ru", byte=3).startswith("байт 3")

"""YAML to checked settings: numbers, lines, presets, --set, and what was probably meant."""

from pathlib import Path
from typing import Literal

import pytest

from kamerton.formats.errors import InputError
from kamerton.formats.recipe import (
    Section,
    dump_yaml,
    line_of,
    load,
    merged,
    parse_set,
    parse_yaml,
    validate,
)


class Inner(Section):
    """A section."""

    learning_rate: float = 1.0
    epochs: int = 1


class Outer(Section):
    """A recipe."""

    tune: Inner = Inner()
    name: str = ""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    text = "name: x\ntune:\n  learning_rate: 2e-5\npresets:\n  smoke:\n    tune: {epochs: 3}\n"
    path.write_text(text, "utf-8")
    return path


WRITTEN: dict[object, str] = {
    2e-5: "2e-5",
    1000.0: "1E3 1e+3 1000. 1000.0",
    -150.0: "-1.5e2",
    0.5: ".5 +.5 5.e-1",
    2: "2 +2 02 0x2 0o2",
    10: "010 10 0xA 0o12",
    True: "true True TRUE",
    False: "false False FALSE",
    None: "null Null NULL ~",
}
"""Values to how people write them; all else is a text."""
PLAIN = (
    "off Off OFF on On ON yes Yes YES no No NO y Y n N e5 1_000 12:30 1:2:3.5 0b11 +0x2 2026-01-31 "
    "true. nulls ~x 1e 1.2.3 . .. +.inf.x ="
)


@pytest.mark.parametrize("value", WRITTEN)
def test_values_as_people_write_them(value: object) -> None:
    for text in WRITTEN[value].split():
        for read in (parse_yaml(f"a: {text}", "x")["a"], parse_set(f"a={text}")["a"]):
            assert (read, type(read)) == (value, type(value)), text


def test_all_else_is_a_text_and_is_read_back_as_it_was() -> None:
    for text in PLAIN.split():
        assert parse_yaml(f"a: {text}", "x") == {"a": text} == parse_set(f"a={text}"), text
    said = [*PLAIN.split(), *" ".join(WRITTEN.values()).split()]
    said += ["", " ", "-", "a: b", "#", "«off»", "[1]", "0o8", "<<", "null", "two\nlines"]
    tree = {"texts": said, "numbers": [1e-5, 1e300, float("inf"), 0, -3], "off": True, "no": None}
    assert parse_yaml(dump_yaml(tree), "x") == tree
    assert "- off\n" in dump_yaml({"a": ["off"]})


@pytest.mark.parametrize("text", ["yes", "on", "true", "True", "no", "off", "false"])
def test_a_switch_may_be_said_in_any_of_these_words(text: str, tmp_path: Path) -> None:
    class Switched(Section):
        """A switch, and a number that may be switched off."""

        fast: bool = False
        near: Literal["auto", "off"] | float = "off"

    path = tmp_path / "r.yaml"
    path.write_text(f"fast: {text}\n", "utf-8")
    assert validate(load(path), Switched, path).fast is (text.lower() in ("yes", "on", "true"))
    path.write_text(f"near: {text}\n", "utf-8")
    if text == "off":
        assert validate(load(path), Switched, path).near == "off"
        return
    said = message(validate, load(path), Switched, path)
    assert f"{path}:1" in said and "near" in said and (text in said or text.capitalize() in said)


def test_a_recipe_with_preset_and_set(recipe: Path) -> None:
    tree = load(recipe, "smoke", ("tune.learning_rate=1e-4",))
    found = validate(tree, Outer, recipe)
    assert (found.tune.epochs, found.tune.learning_rate) == (3, 1e-4)


def message(call: object, *args: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*args)  # type: ignore[operator]
    return str(caught.value)


def test_a_misspelt_key_names_file_line_and_what_was_meant(recipe: Path) -> None:
    recipe.write_text("name: x\ntune:\n  epoch: 2\n", "utf-8")
    text = message(validate, load(recipe), Outer, recipe)
    assert text == f"{recipe}:3: unknown key tune.epoch. Did you mean epochs?"


def test_the_same_in_russian(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    recipe.write_text("name: x\ntune:\n  epoch: 2\n", "utf-8")
    assert "неизвестный ключ tune.epoch" in message(validate, load(recipe), Outer, recipe)


def test_a_wrong_type_names_the_field_and_the_value(recipe: Path) -> None:
    recipe.write_text("tune:\n  epochs: many\n", "utf-8")
    text = message(validate, load(recipe), Outer, recipe)
    assert f"{recipe}:2" in text and "tune.epochs" in text and "many" in text


def test_a_value_is_blamed_on_who_said_it_last(recipe: Path) -> None:
    sets = ("tune.learning_rate=fast",)
    text = message(validate, load(recipe, None, sets), Outer, recipe, None, sets)
    assert text.startswith("--set tune.learning_rate=fast: ")
    recipe.write_text("tune: {epochs: 2}\npresets:\n  smoke:\n    tune: {epochs: many}\n", "utf-8")
    text = message(validate, load(recipe, "smoke"), Outer, recipe, "smoke")
    assert text.startswith(f"{recipe}:4: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [1\n", ":2: this is not valid YAML"),
        ("a: 1\na: 2\n", ":2: the key a is written twice"),
        ("- 1\n", "the top of a recipe"),
        ("\n", "the file is empty"),
    ],
)
def test_what_is_no_recipe(recipe: Path, content: str, expected: str) -> None:
    recipe.write_text(content, "utf-8")
    assert expected in message(load, recipe)


def test_a_missing_file_and_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    assert "does not exist" in message(load, tmp_path / "none.yaml")
    (tmp_path / "r.yaml").write_bytes("имя: музей".encode("cp1251"))
    assert "not UTF-8" in message(load, tmp_path / "r.yaml")


def test_an_unknown_preset_lists_those_there_are(recipe: Path) -> None:
    assert "the recipe has: smoke" in message(load, recipe, "smok")


@pytest.mark.parametrize("text", ["tune.epochs", "=3", ""])
def test_a_bad_set(text: str) -> None:
    assert "key=value" in message(parse_set, text)


def test_set_values_are_yaml() -> None:
    assert parse_set("a.b=[1, 2e-5]") == {"a": {"b": [1, 2e-5]}}
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


def test_lines_of_keys(recipe: Path) -> None:
    assert line_of(recipe, ["tune", "learning_rate"]) == 3
    assert line_of(recipe, ["nothing"]) is None

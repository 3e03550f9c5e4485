"""Texts of the readers: the same keys and values in both languages, none missing, none unused."""

import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import yaml

from kamerton.develop.data import read


def texts(language: str) -> dict[str, str]:
    source = files("kamerton.develop") / "locales" / f"read.{language}.yaml"
    return dict(yaml.safe_load(source.read_text("utf-8")))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    english, russian = texts("en"), texts("ru")
    assert list(english) == list(russian)
    for key, text in english.items():
        assert fields(text) == fields(russian[key]), key
        assert re.search("[а-я]", russian[key]) and not re.search("[а-я]", text)


def test_every_text_is_said_somewhere_and_every_key_has_one() -> None:
    code = "".join(path.read_text("utf-8") for path in Path(read.__path__[0]).glob("*.py"))
    assert set(re.findall(r'"develop\.(read_\w+)"', code)) == set(texts("en"))

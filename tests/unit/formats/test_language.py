"""Both languages say everything, with the same values, and nothing is said that no text has."""

import re
import string
from pathlib import Path

import pytest

from kamerton.formats.language import catalogue, current, say

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


def test_texts_are_filled_in() -> None:
    assert say("formats.not_utf8", "ru", byte=3).startswith("байт 3")

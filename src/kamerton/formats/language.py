"""The language of everything that a person reads: English or Russian.

Texts lie in `locales/` beside the package that says them: `en.yaml` and `ru.yaml`, and for a part
with many of its own `part.en.yaml` and `part.ru.yaml`. A key names its package first:
`develop.file_missing` is `file_missing` of `kamerton.develop`. A number agrees with its word by the
word's forms in the place of a format: `{count:row|rows}`, `{count:строка|строки|строк}`.
"""

import locale
import os
import re
import string
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

import yaml

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = ("en", "ru")
ENVIRONMENT = "KAMERTON_LANG"


def current() -> Language:
    """The language in force: `KAMERTON_LANG`, else the locale's, else English."""
    wanted = os.environ.get(ENVIRONMENT) or locale.getlocale()[0] or ""
    return "ru" if wanted.lower().startswith(("ru", "russian")) else "en"


def choose(language: str | None) -> None:
    """Make `language` the one in force, for this process and its children."""
    if language:
        os.environ[ENVIRONMENT] = language


@cache
def catalogue(package: str, language: Language) -> dict[str, str]:
    """All texts of `kamerton.<package>` in one language, by key."""
    texts: dict[str, str] = {}
    for source in (files(f"kamerton.{package}") / "locales").iterdir():
        if f".{source.name}".endswith(f".{language}.yaml"):
            texts |= cast(dict[str, str], yaml.safe_load(source.read_text("utf-8")) or {})
    return texts


def say(key: str, language: Language | None = None, /, **values: object) -> str:
    """The text of `package.key` in the language in force, with `values` filled in.

    Raises KeyError where the catalogue lacks the key: a fault of ours, not of the user.
    """
    package, _, name = key.partition(".")
    spoken = language or current()
    return _Texts(spoken).vformat(catalogue(package, spoken)[name], (), values)


def label(package: str, kind: str, name: str) -> str:
    """The text `kind_name` of a package, else the name itself: a recipe may choose it."""
    return catalogue(package, current()).get(f"{kind}_{name}", name.replace("_", " "))


class _Texts(string.Formatter):
    """`str.format` that knows plurals."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" not in format_spec:
            return str(super().format_field(value, format_spec))
        return f"{value} {_plural(value, format_spec.split('|'), self._language)}"


def _plural(value: object, forms: list[str], language: Language) -> str:
    """The form of a word beside a number, by the rules of Unicode CLDR.

    A Russian fraction takes the fourth form where there is one, else the second.
    """
    whole, _, fraction = str(value).partition(".")
    number = int("0" + "".join(filter(str.isdecimal, whole)))
    if language == "en":
        return forms[int(number != 1 or bool(fraction))]
    if fraction:
        return forms[3 if len(forms) > 3 else 1]
    last, teens = number % 10, number % 100 // 10 == 1
    return forms[2 if teens or not 0 < last < 5 else int(last > 1)]


def foreign(message: str) -> str:
    """What a library says in English, in the language in force.

    The texts are those of `locales/libraries.yaml`, English to Russian. A message that is not
    among them stays as it is.
    """
    if current() == "en":
        return message
    for pattern, text in _foreign():
        if match := pattern.fullmatch(message):
            values = match.groupdict()
            values |= {name: foreign(values[name]) for name in _NESTED & values.keys()}
            return text.format(**values)
    return message


_NESTED = {"message"}
"""Values of a library's message that are such messages themselves."""


@cache
def _foreign() -> list[tuple[re.Pattern[str], str]]:
    """Patterns of messages with their translations, those that fix most of the text first."""
    source = files("kamerton.formats") / "locales" / "libraries.yaml"
    texts = cast(dict[str, str], yaml.safe_load(source.read_text("utf-8")))
    parts = {english: re.split(r"{(\w+)}", english) for english in texts}

    def order(english: str) -> tuple[bool, int]:
        """One that begins with a value would fit what another names in full."""
        return not parts[english][0], -sum(map(len, parts[english][::2]))

    return [(_pattern(parts[english]), texts[english]) for english in sorted(texts, key=order)]


def _pattern(parts: list[str]) -> re.Pattern[str]:
    """A pattern of fixed texts and, between them, names of values."""
    written = (f"(?P<{part}>.*?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile("".join(written), re.DOTALL)


def language_of(texts: Iterable[str]) -> Language:
    """`ru` where more than half of the letters are Cyrillic, else `en`."""
    text = "".join(texts).casefold()
    cyrillic = sum("а" <= letter <= "я" for letter in text)
    return "ru" if 2 * cyrillic > sum(letter.isalpha() for letter in text) else "en"
